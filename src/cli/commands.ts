// The commands, one row each, and what they have in common: the configuration, help with an example, exit codes.
// 0: done. 1: failed, with one sentence on stderr. 2: wrong usage.
import { Command, CommanderError } from "commander";
import { app } from "./app.js";
import { audit } from "./audit.js";
import { check } from "./check.js";
import { exportEntries } from "./export.js";
import { Failure, sentencesOf } from "./failure.js";
import { hash } from "./hash.js";
import { importEntries } from "./import.js";
import { init } from "./init.js";
import { note, quietOutput } from "./output.js";
import { reloadConfiguration } from "./reload.js";
import { printSchema } from "./schema.js";
import { serve } from "./serve.js";
import { status } from "./status.js";
import { verify } from "./verify.js";
import { version } from "./version.js";

/** Each adds its command to the program. */
const commands: readonly ((program: Command) => void)[] = [
  serve,
  init,
  check,
  reloadConfiguration,
  status,
  importEntries,
  exportEntries,
  verify,
  audit,
  hash,
  printSchema,
  app,
];

const failed = 1;
const wrongUsage = 2;

/** Runs what the arguments say; resolves with the exit code when it is done. */
export async function run(args: readonly string[]): Promise<number> {
  quietOutput();
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, (error: unknown) => {
      printAll(sentencesOf(error));
      process.exit(failed);
    });
  }
  const program = new Command("gatehouse")
    .description("A directory server for teams: LDAP for users, groups and the applications that ask about them.")
    .version(version())
    .helpCommand("help [command]", "Show the help of a command.")
    .exitOverride()
    .showHelpAfterError("(--help says how)");
  for (const add of commands) add(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Help that was asked for ends by an error as well, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : wrongUsage;
    printAll(sentencesOf(error));
    return error instanceof Failure ? error.exitCode : failed;
  }
}

function printAll(sentences: readonly string[]): void {
  for (const sentence of sentences) note(sentence);
}
