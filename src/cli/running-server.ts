// A server that runs with the same configuration, reached by its Unix socket (an `ldapi://` address of `listen`).
import { explainOid, exportOid, reloadOid, statusOid } from "../operations/administration.js";
import type { Explanation, ServerStatus, WayInQuestion } from "../operations/context.js";
import { loadSettings, type Settings } from "../settings/load-settings.js";
import { formatProblem } from "../settings/problem.js";
import { LocalClient } from "../wire/local-client.js";
import { sentencesOf } from "./failure.js";
import { note, print } from "./output.js";

/** Runs `work` with the server that runs; where none can be reached, gives undefined. */
export async function withRunningServer<T>(
  { server }: Settings,
  work: (client: LocalClient, text: string) => Promise<T>,
): Promise<T | undefined> {
  for (const address of server.listen) {
    const client = address.scheme === "ldapi" ? await LocalClient.connect(address.path) : undefined;
    if (!client) continue;
    try {
      return await work(client, address.text);
    } finally {
      client.close();
    }
  }
  return undefined;
}

/** Why no server could be reached, and what to do instead where there is no address to reach it by. */
export function unreachable({ server }: Settings, instead?: string): string {
  const sockets = server.listen.filter(({ scheme }) => scheme === "ldapi").map(({ text }) => text);
  if (sockets.length > 0) return `no server answers at ${sockets.join(" or ")}`;
  const way = "add - ldapi://gatehouse.sock below listen and restart the server";
  return `server.yaml has no ldapi:// address to reach the server by: ${way}${instead === undefined ? "" : `; ${instead}`}`;
}

/** The same, for work on the directory: says to whom it speaks, for a configuration may be a copy of another's. */
export async function throughRunningServer<T>(
  settings: Settings,
  work: (client: LocalClient) => Promise<T>,
): Promise<T | undefined> {
  return withRunningServer(settings, (client, text) => {
    note(`through the running server at ${text}`);
    return work(client);
  });
}

/** Lets the server read its configuration anew; gives the faults that it found. */
export async function reload(client: LocalClient): Promise<readonly string[]> {
  const faults = await client.request({ operation: "extended", oid: reloadOid, value: undefined });
  return faults.length === 0 ? [] : faults.toString().split("\n");
}

/** Whether somebody would get in, by the rules that the server has in force. */
export async function explained(client: LocalClient, question: WayInQuestion): Promise<Explanation> {
  const value = Buffer.from(JSON.stringify(question));
  return JSON.parse((await client.request({ operation: "extended", oid: explainOid, value })).toString());
}

export async function statusOf(client: LocalClient): Promise<ServerStatus> {
  return JSON.parse((await client.request({ operation: "extended", oid: statusOid, value: undefined })).toString());
}

/** Hands on every entry as LDIF; gives their number. */
export async function exported(
  client: LocalClient,
  { operational }: { readonly operational: boolean },
  onPiece: (piece: Buffer) => Promise<void>,
): Promise<number> {
  const value = operational ? Buffer.of(1) : undefined;
  return Number(await client.request({ operation: "extended", oid: exportOid, value }, onPiece));
}

/** After an edit of applications.yaml: lets a server that can be reached take it in, or says what else to do. */
export async function takeEffect(config: string): Promise<void> {
  const read = await loadSettings(config, { withTls: false });
  if ("problems" in read) {
    print("A running server cannot take it in before the configuration is right:");
    for (const problem of read.problems) print(formatProblem(problem));
    return;
  }
  let faults: readonly string[] | undefined;
  try {
    faults = await withRunningServer(read.settings, reload);
  } catch (error) {
    // The edit is done: that the server cannot be told is no failure of it.
    for (const sentence of sentencesOf(error)) print(`The running server could not be told: ${sentence}`);
  }
  if (faults === undefined) print("A running server takes it in within a few seconds.");
  else if (faults.length === 0) print("The running server has taken it in.");
  else for (const fault of ["The running server has not taken it in:", ...faults]) print(fault);
}
