// HAProxy in front of servers: a process of its own with a configuration in a temporary folder, until the test or the
// file ends.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** Debian's; the folder is not in everybody's PATH. */
export const haproxyProgram = "/usr/sbin/haproxy";

export interface HaproxyOf {
  /**
   * What each address leads to, by a name: the options of its one server line, such as
   * `127.0.0.1:3890 send-proxy check`.
   */
  readonly proxies: Readonly<Record<string, string>>;
  /** Where it listens, on a Unix socket apart; default: 127.0.0.1. Options such as `v4v6` may follow a space. */
  readonly bind?: string;
  /** More lines for all of them. */
  readonly defaults?: readonly string[];
}

export interface Haproxy {
  port(name: string): number;
  /** The path of the Unix socket that leads to the same. */
  socket(name: string): string;
  /** Says something to its administration socket, and gives back the answer. */
  ask(command: string): Promise<string>;
  /** How it finds the server that the address leads to, such as `UP` or `DOWN`. */
  status(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Another process may take a port between the choice and its use; then others are chosen. */
const attempts = 5;

export async function startedHaproxy(setting: HaproxyOf): Promise<Haproxy> {
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), "gatehouse-haproxy-"));
    const ports = new Map<string, number>();
    for (const name of Object.keys(setting.proxies)) ports.set(name, await freePort());
    const configuration = join(folder, "haproxy.cfg");
    await writeFile(configuration, configurationText(setting, ports, folder));
    const child = spawn(haproxyProgram, ["-db", "-f", configuration], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (piece: string) => {
        said += piece;
      });
    }
    const ended = once(child, "close");
    const stop = async () => {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    };
    const ask = (command: string) => asked(join(folder, "administration"), command);
    if (await isUp(child, ask)) {
      return {
        port: (name) => ports.get(name)!,
        socket: (name) => join(folder, name),
        ask,
        status: async (name) => statusIn(await ask("show stat"), name),
        stop,
      };
    }
    await stop();
    if (attempt === attempts) throw new Error(`haproxy did not start: ${said}`);
  }
}

function configurationText(
  { proxies, bind = "127.0.0.1", defaults = [] }: HaproxyOf,
  ports: Map<string, number>,
  folder: string,
) {
  const [address, ...options] = bind.split(" ");
  const lines = Object.entries(proxies).flatMap(([name, server]) => [
    `listen ${name}`,
    `  bind ${address}:${ports.get(name)} ${options.join(" ")}`,
    `  bind unix@${join(folder, name)} mode 600`,
    `  server gatehouse ${server}`,
  ]);
  return `global
  maxconn 500
  stats socket ${join(folder, "administration")} mode 600 level admin
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
${defaults.map((line) => `  ${line}\n`).join("")}${lines.join("\n")}
`;
}

/** Waits until it answers, or has ended. Its addresses are bound before its socket answers. */
async function isUp(child: ChildProcess, ask: (command: string) => Promise<string>): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    try {
      if ((await ask("show info")).includes("Name: HAProxy")) return true;
    } catch {
      // There is no socket yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

async function asked(path: string, command: string): Promise<string> {
  const socket = connect(path);
  socket.write(`${command}\n`);
  return text(socket);
}

/** `show stat` answers in CSV, its first line the names of the columns. */
function statusIn(answer: string, name: string): string {
  const [head, ...rows] = answer.split("\n").map((line) => line.replace(/^# /, "").split(","));
  const at = (column: string) => head!.indexOf(column);
  const row = rows.find((cells) => cells[at("pxname")] === name && cells[at("svname")] === "gatehouse");
  return row?.[at("status")] ?? "";
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
