// gatehouse hash: what to write into a file in the place of a password.
import type { Command } from "commander";
import { Secret } from "../model/secret.js";
import { PasswordHasher } from "../passwords/hasher.js";
import { loadSettings } from "../settings/load-settings.js";
import { defaultPasswords } from "../settings/server-settings.js";
import { addCommand, type ConfigOption } from "./command.js";
import { print } from "./output.js";
import { readPassword } from "./password-prompt.js";

export function hash(program: Command): void {
  addCommand(
    program,
    "hash",
    "Hash a password, for applications.yaml or for userPassword in LDIF. It is asked for, or read from a pipe. " +
      "The cost is that of the configuration, or the default where there is none.",
    "gatehouse hash",
    "pwgen -s 24 1 | gatehouse hash",
  ).action(async ({ config }: ConfigOption) => {
    print(await hashPassword(await readPassword(), await hashCost(config)));
  });
}

/** The cost of new hashes. A configuration that is missing or wrong does not keep anybody from hashing. */
export async function hashCost(folder: string): Promise<number> {
  const loaded = await loadSettings(folder, { withTls: false });
  return "settings" in loaded ? loaded.settings.server.passwords.cost : defaultPasswords.cost;
}

export async function hashPassword(password: Secret | string, cost: number): Promise<string> {
  const hasher = new PasswordHasher({ queue: 1, threads: 1, cost });
  try {
    return await hasher.hash(typeof password === "string" ? new Secret(password) : password);
  } finally {
    await hasher.close();
  }
}
