// The line that somebody can paste who has just started the sample configuration.
import { Secret } from "../model/secret.js";
import { PasswordHasher } from "../passwords/hasher.js";
import type { Settings } from "../settings/load-settings.js";

/** The application of config/applications.yaml that the line binds as, and the password that stands beside its hash. */
const sample = { name: "console", password: "console-secret", address: "127.0.0.1" };

/** An ldapsearch command; undefined where the configuration is not the sample. */
export async function sampleSearch(settings: Settings, listen: readonly string[]): Promise<string | undefined> {
  const application = settings.applications.find(({ name }) => name === sample.name);
  const url = listen
    .find((one) => one.startsWith("ldap://"))
    ?.replace("//0.0.0.0:", "//127.0.0.1:")
    .replace("//[::]:", "//[::1]:");
  if (!application?.enabled || !application.addresses.some((range) => range.contains(sample.address)) || !url) {
    return undefined;
  }
  const { suffix, passwords } = settings.server;
  const hasher = new PasswordHasher({ queue: 1, threads: 1, cost: passwords.cost });
  try {
    const stored = application.passwords.map((hash) => hash.reveal());
    const isSample = await hasher.verify(new Secret(sample.password), stored);
    const password = isSample ? `-w ${sample.password}` : "-W";
    const name = `cn=${sample.name},ou=applications,${suffix}`;
    return `ldapsearch -x -H ${url} -D ${quoted(name)} ${password} -b ${quoted(String(suffix))} "(objectClass=person)"`;
  } finally {
    await hasher.close();
  }
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w=,.-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
