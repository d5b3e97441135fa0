// What every command has: --config, and help that ends with examples.
import { type Command, InvalidArgumentError, Option } from "commander";
import { LdapError } from "../model/failure.js";
import { SettingError } from "../settings/problem.js";

export interface ConfigOption {
  /** The folder of the configuration. */
  readonly config: string;
}

/** Adds a command to the program, or a command to a command. */
export function addCommand(to: Command, usage: string, summary: string, ...examples: readonly string[]): Command {
  return to
    .command(usage)
    .description(summary)
    .addOption(
      new Option("--config <dir>", "the folder with server.yaml and applications.yaml")
        .env("GATEHOUSE_CONFIG")
        .default("./config"),
    )
    .addHelpText(
      "after",
      ["", examples.length > 1 ? "Examples:" : "Example:", ...examples.map((one) => `  ${one}`)].join("\n"),
    );
}

/** A reader of an argument's value: where it refuses the value, the command was used wrongly. */
export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof SettingError || error instanceof LdapError)
        throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  };
}

/** The same for an option that may be given several times. */
export function severalArguments<T>(
  parse: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  const one = argument(parse);
  return (text, before = []) => [...before, one(text)];
}
