// gatehouse audit: what the audit trail says, for a person or a program.
import { once } from "node:events";
import type { Command } from "commander";
import type { OperationName } from "../model/message.js";
import { resultCodes } from "../model/result-code.js";
import { refusals } from "../session/record.js";
import { AddressRange } from "../settings/address-range.js";
import { didYouMean } from "../settings/did-you-mean.js";
import { SettingError } from "../settings/problem.js";
import { formatBytes, parseDuration } from "../settings/units.js";
import { type AuditLine, AuditTable, printableJson, readAuditLine } from "./audit-line.js";
import { auditLines, inputLines, LineCutter, longestLine } from "./audit-source.js";
import { addCommand, argument, type ConfigOption, severalArguments } from "./command.js";
import { settingsOf } from "./configuration.js";
import { Failure } from "./failure.js";
import { counted, note } from "./output.js";

interface AuditOptions extends ConfigOption {
  readonly application?: readonly string[];
  readonly subject?: readonly string[];
  readonly target?: readonly string[];
  readonly operation?: readonly string[];
  readonly outcome?: readonly string[];
  readonly address?: readonly AddressRange[];
  readonly refused?: true;
  readonly since?: number;
  readonly until?: number;
  readonly json?: true;
  readonly follow?: true;
}

const operations: readonly (OperationName | "connect")[] = [
  "bind",
  "search",
  "compare",
  "add",
  "modify",
  "modifyDn",
  "delete",
  "extended",
  "connect",
];

const same = (text: string) => text;

export function audit(program: Command): void {
  addCommand(
    program,
    "audit [file...]",
    "Show the audit trail, oldest lines first: the file that server.yaml names (log.audit) with the older ones beside it, " +
      "or the files given; - is standard input. A line is time (UTC), outcome, operation, application, subject, target, " +
      "address and the rule that decided; after a write +name is an attribute added, ~name replaced, -name deleted. " +
      "Options that are given several times mean any of what they name.",
    "gatehouse audit --refused --since 2h",
    "gatehouse audit --target uid=ann --operation modify --follow",
    "gatehouse audit --since 2026-01-31 --json | jq .rule",
  )
    .option("--application <name>", "of this application", severalArguments(same))
    .option("--subject <text>", "by whom: a DN, a piece of one, or anonymous", severalArguments(same))
    .option("--target <text>", "about what: a DN or a piece of one", severalArguments(same))
    .option(
      "--operation <name>",
      `one of ${operations.join(", ")}`,
      severalArguments((text) => named(text, operations)),
    )
    .option(
      "--outcome <result>",
      "a result code, such as success or invalidCredentials",
      severalArguments((text) => named(text, Object.keys(resultCodes))),
    )
    .option("--refused", "only what was refused, logins that failed among it")
    .option(
      "--address <range>",
      "from this address, or one of this range",
      severalArguments((text) => AddressRange.parse(text)),
    )
    .option(
      "--since <time>",
      "not before this time (of this machine's zone, or with Z or +01:00), or this long ago, such as 2h",
      argument(parseMoment),
    )
    .option("--until <time>", "not after it", argument(parseMoment))
    .option("--json", "the lines as they were written")
    .option("--follow", "go on with the lines that come, until Ctrl-C")
    .action(show);
}

function named(text: string, names: readonly string[]): string {
  const found = names.find((name) => name.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw new SettingError(`${JSON.stringify(text)} is none of ${names.join(", ")}${didYouMean(text, names)}`);
}

const momentForm = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

function parseMoment(text: string): number {
  if (/^\d+ ?[a-z]+$/i.test(text)) return Date.now() - parseDuration(text);
  const time = momentForm.test(text) ? Date.parse(text.includes("T") ? text : `${text}T00:00`) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new SettingError(`${JSON.stringify(text)} is no time such as 2026-01-31T20:00, 2026-01-31 or 2h (ago)`);
  }
  return time;
}

async function show(files: readonly string[], options: AuditOptions): Promise<void> {
  const isWanted = filterOf(options);
  const table = new AuditTable();
  const cutter = new LineCutter();
  let foreign = 0;
  const follow = options.follow && untilInterrupted();
  for await (const lines of linesOf(files, options, cutter, follow)) {
    if (follow?.aborted) break;
    let text = "";
    for (const line of lines) {
      const read = readAuditLine(line);
      if (!read) foreign += 1;
      else if (isWanted(read)) text += `${options.json ? printableJson(line) : table.row(read)}\n`;
    }
    if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
  }
  if (foreign > 0) note(`passed over ${counted(foreign, "line")} that are no audit lines, or that were cut short`);
  if (cutter.tooLong > 0)
    note(`passed over ${counted(cutter.tooLong, "line")} of more than ${formatBytes(longestLine)}`);
}

async function* linesOf(
  files: readonly string[],
  { config, since }: AuditOptions,
  cutter: LineCutter,
  follow: AbortSignal | undefined,
): AsyncGenerator<string[], void> {
  const following = follow ? { follow } : {};
  if (files.length === 0) {
    const path = await configuredFile(config);
    yield* auditLines(path, { cutter, withOlder: true, ...following, ...(since === undefined ? {} : { since }) });
  }
  for (const [n, path] of files.entries()) {
    if (path === "-") yield* inputLines(cutter);
    else yield* auditLines(path, { cutter, withOlder: false, ...(n === files.length - 1 ? following : {}) });
  }
}

/** The first Ctrl-C ends the following in peace, another one the command. */
function untilInterrupted(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => abort.abort());
  return abort.signal;
}

async function configuredFile(config: string): Promise<string> {
  const { server } = await settingsOf(config, { withTls: false });
  const { audit: path, syslog } = server.log;
  if (path !== undefined) return path;
  const where = syslog === undefined ? "they are in the log of the server" : `they go to ${syslog.text}`;
  throw new Failure(
    `gatehouse: server.yaml names no file for the audit lines (log: { audit: FILE }), so ${where}: set log.audit and restart the server, or give the file to read`,
  );
}

function filterOf(options: AuditOptions): (line: AuditLine) => boolean {
  const { application, subject, target, operation, outcome, address, refused, since, until } = options;
  const tests: ((line: AuditLine) => boolean)[] = [];
  const having = (pieces: readonly string[] | undefined, textOf: (line: AuditLine) => string | undefined) => {
    const wanted = pieces?.map((piece) => piece.toLowerCase());
    if (wanted) tests.push((line) => wanted.some((piece) => textOf(line)?.toLowerCase().includes(piece)));
  };
  having(subject, (line) => line.subject);
  having(target, (line) => line.target);
  if (application) {
    const names = application.map((name) => name.toLowerCase());
    tests.push((line) => {
      const text = line.application?.toLowerCase() ?? "";
      // A user may be there through several.
      return names.includes(text) || text.split(" ").some((name) => names.includes(name));
    });
  }
  if (operation) tests.push((line) => operation.includes(line.operation));
  if (outcome) tests.push((line) => outcome.includes(line.outcome));
  if (address) tests.push((line) => address.some((range) => range.contains(line.address ?? "")));
  if (refused) tests.push(isRefused);
  if (since !== undefined) tests.push((line) => line.time >= since);
  if (until !== undefined) tests.push((line) => line.time <= until);
  return (line) => tests.every((passes) => passes(line));
}

/** Compare has a line only where it is a login. */
function isRefused({ outcome }: AuditLine): boolean {
  return outcome === "compareFalse" || refusals.has(outcome);
}
