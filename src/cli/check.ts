// gatehouse check: whether a server would start with this configuration.
import type { Command } from "commander";
import { standardSchema } from "../model/standard-schema.js";
import type { Settings } from "../settings/load-settings.js";
import { sharedAddresses } from "../settings/shared-addresses.js";
import { tlsWarnings } from "../settings/tls-files.js";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf } from "./configuration.js";
import { EntryReader } from "./entry-reader.js";
import { Failure } from "./failure.js";
import { checkFile } from "./import-run.js";
import { openSource } from "./import-source.js";
import { counted, note, print } from "./output.js";

export function check(program: Command): void {
  addCommand(
    program,
    "check",
    "Say what is wrong with server.yaml, the files of applications and the seed, or that all is right.",
    "gatehouse check --config /etc/gatehouse",
  )
    .alias("check-config")
    .action(async ({ config }: ConfigOption) => {
      const settings = await settingsOf(config);
      const seed = await checkSeed(settings);
      const { server, applications } = settings;
      const disabled = applications.filter(({ enabled }) => !enabled).length;
      const parts = [
        counted(applications.length, "application") + (disabled > 0 ? ` (${disabled} disabled)` : ""),
        `suffix ${server.suffix}`,
        `listens on ${server.listen.map(({ text }) => text).join(" and ")}`,
        ...(server.tls ? [server.tls.required ? "TLS required" : "TLS offered"] : []),
        ...(seed === undefined ? [] : [`a seed of ${counted(seed, "entry", "entries")}`]),
      ];
      print(`${config} is right: ${parts.join(", ")}`);
      for (const { origin, names } of sharedAddresses(applications)) {
        note(
          `${listed(names)} may call from one address (${origin}): a user logs in from there where any of them lets them in`,
        );
      }
      const needing = applications.filter((one) => one.enabled && one.requireTls).map(({ name }) => name);
      if (needing.length > 0 && !server.tls) {
        note(`${listed(needing)} can come in by the Unix socket alone: requireTls is set, and server.yaml has no tls`);
      }
      for (const warning of settings.tlsFiles ? tlsWarnings(settings.tlsFiles, Date.now()) : []) note(warning);
    });
}

/** `wiki, mail and shop` */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** How many entries the seed has. */
async function checkSeed({ server: { seed, suffix, limits } }: Settings): Promise<number | undefined> {
  if (seed === undefined) return undefined;
  const source = await openSource(seed, limits.entryBytes);
  const { check, problems } = await checkFile(source, new EntryReader(standardSchema, suffix, limits), undefined, {});
  if (problems.count > 0) throw new Failure(problems.lines());
  return check.entries;
}
