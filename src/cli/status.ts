// gatehouse status: how a server that runs is, and what its applications do.
import type { Command } from "commander";
import type { ApplicationStatus, ServerStatus } from "../operations/context.js";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf } from "./configuration.js";
import { Failure } from "./failure.js";
import { counted, print } from "./output.js";
import { statusOf, unreachable, withRunningServer } from "./running-server.js";
import { tableLines } from "./table.js";

interface StatusOptions extends ConfigOption {
  readonly json?: true;
}

export function status(program: Command): void {
  addCommand(
    program,
    "status",
    "Show how the running server is and what each application did since it started. The server is reached by its Unix " +
      "socket (ldapi:// in server.yaml).",
    "gatehouse status",
    "gatehouse status --json",
  )
    .option("--json", "as JSON, for programs")
    .action(async ({ config, json }: StatusOptions) => {
      const settings = await settingsOf(config, { withTls: false });
      const found = await withRunningServer(settings, statusOf);
      if (found === undefined) throw new Failure(`gatehouse: ${unreachable(settings)}`);
      const lines = json ? [JSON.stringify(found, null, 2)] : [...serverLines(found), ...applicationLines(found)];
      for (const line of lines) print(line);
    });
}

function serverLines(server: ServerStatus): string[] {
  const { version, started, uptimeSeconds, entries, revision, connections, memoryBytes } = server;
  return [
    `gatehouse ${version}, up ${timeText(uptimeSeconds)}, since ${shortened(started)}`,
    [
      `${counted(entries, "entry", "entries")} at revision ${revision}`,
      `${counted(connections, "connection")} open`,
      `${Math.round(memoryBytes / 1024 ** 2)} MiB of memory`,
    ].join(", "),
    "",
  ];
}

const head = ["application", "last contact", "from", "open", "binds", "logins", "refusals", "operations"];
const numbers: ReadonlySet<number> = new Set([3, 4, 5, 6, 7]);

function applicationLines({ applications }: ServerStatus): string[] {
  return applications.length === 0 ? ["no applications"] : tableLines([head, ...applications.map(cells)], numbers);
}

function cells(application: ApplicationStatus): string[] {
  const { name, enabled, lastContact, connections, connectionsAllowed } = application;
  const { binds, userLogins, refusals, operations } = application;
  return [
    name + (enabled ? "" : " (disabled)"),
    lastContact ? shortened(lastContact.time) : "never",
    lastContact?.address ?? "",
    connectionsAllowed === undefined ? `${connections}` : `${connections} of ${connectionsAllowed}`,
    ...[binds, userLogins, refusals, operations].map(String),
  ];
}

/** Without the milliseconds. */
function shortened(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

const units = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
] as const;

/** The two largest units: `3 h 12 min`. */
function timeText(seconds: number): string {
  const first = units.findIndex(([, length]) => seconds >= length);
  if (first < 0) return "0 s";
  let rest = seconds;
  const parts = units.slice(first, first + 2).map(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest -= count * length;
    return `${count} ${unit}`;
  });
  return parts.join(" ");
}
