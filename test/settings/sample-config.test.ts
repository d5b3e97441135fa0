import { createReadStream } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import { readLdif } from "../../src/ldif/reader.js";
import { Dn } from "../../src/model/dn.js";
import { type LimitName, limitTable } from "../../src/model/limits.js";
import { loadSettings, type Settings } from "../../src/settings/load-settings.js";
import { formatProblem } from "../../src/settings/problem.js";
import { readServerSettings } from "../../src/settings/server-settings.js";
import { formatBytes, formatDuration } from "../../src/settings/units.js";

const folder = fileURLToPath(new URL("../../config", import.meta.url));
const serverText = await readFile(join(folder, "server.yaml"), "utf8");

async function load(from: string): Promise<Settings> {
  const found = await loadSettings(from);
  if ("problems" in found) throw new Error(found.problems.map(formatProblem).join("\n"));
  return found.settings;
}

async function problems(from: string): Promise<string[]> {
  const found = await loadSettings(from);
  return "problems" in found ? found.problems.map((problem) => formatProblem(problem).replaceAll(from, "DIR")) : [];
}

async function inCopy(change: (copy: string) => Promise<void>): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), "gatehouse-"));
  try {
    await cp(folder, copy, { recursive: true });
    await change(copy);
  } finally {
    await rm(copy, { recursive: true });
  }
}

/** Its names are compared as texts. */
function settingsIn(source: string) {
  const found = readServerSettings(source, { file: "server.yaml", folder });
  if ("problems" in found) throw new Error(found.problems.map(formatProblem).join("\n"));
  return { ...found.server, suffix: found.server.suffix.toString() };
}

describe("the sample configuration", () => {
  test("loads without a problem", async () => {
    const { server, applications } = await load(folder);
    expect(server.suffix.toString()).toBe("dc=example,dc=com");
    expect(server.listen).toEqual([{ scheme: "ldap", host: "127.0.0.1", port: 3890, text: "ldap://127.0.0.1:3890" }]);
    expect(server.storePath).toBe(join(folder, "../data"));
    expect(server.seed).toBe(join(folder, "example.ldif"));
    expect(applications.map(({ name }) => name)).toEqual(["wiki", "tracker", "console"]);
    for (const { addresses } of applications) {
      expect(
        addresses.some((range) => range.contains("127.0.0.1")) && addresses.some((range) => range.contains("::1")),
      ).toBe(true);
    }
  });

  test("has the passwords that it says", async () => {
    const source = await readFile(join(folder, "applications.yaml"), "utf8");
    for (const { name, passwords } of (await load(folder)).applications) {
      // Told where `gatehouse app password` does not leave it beside a new one.
      expect(source.slice(0, source.indexOf("applications:\n"))).toContain(`${name}-secret`);
      expect(source).toContain(`${passwords[0]?.reveal()}"\n`);
      expect(compareSync(`${name}-secret`, passwords[0]!.reveal().toString().slice("{BCRYPT}".length))).toBe(true);
    }
  });

  test.each(Object.keys(limitTable) as LimitName[])("shows the limit %s at its default, with its sentence", (name) => {
    const { unit, default: value, means } = limitTable[name];
    const written = { count: String, bytes: formatBytes, milliseconds: formatDuration }[unit](value);
    expect(serverText).toContain(`#   # ${means}\n#   ${name}: ${written}\n`);
  });

  test("means the same when every line at its default is taken in", () => {
    const [before, defaults = ""] = serverText.split(/^(?=# What follows is optional)/m);
    const taken = before + defaults.replace(/^# (?=(?:passwords|log|limits):$| {2})/gm, "");
    expect(taken).toMatch(/^limits:\n {2}# .*\n {2}messageBytes: 4MiB$/m);
    expect(settingsIn(taken)).toEqual(settingsIn(serverText));
  });

  test("means what its examples say when they are taken in", () => {
    const [before = "", defaults] = serverText.split(/^(?=# What follows is optional)/m);
    const taken = before
      .replace(/^ {2}# (?=- )/gm, "  ")
      .replace(/^# (?=(?:tls|proxyProtocol):$| {2})/gm, "")
      .replace("# clientCA:", "clientCA:");
    const { tls, proxyProtocol, listen, ...rest } = settingsIn(taken + defaults);
    expect(listen).toEqual([
      { scheme: "ldaps", host: "0.0.0.0", port: 6360, text: "ldaps://0.0.0.0:6360" },
      { scheme: "ldapi", path: join(folder, "gatehouse.sock"), text: "ldapi://gatehouse.sock" },
      { scheme: "ldap", host: "127.0.0.1", port: 3890, text: "ldap://127.0.0.1:3890" },
    ]);
    expect(tls).toEqual({
      certificate: join(folder, "tls/server.crt"),
      key: join(folder, "tls/server.key"),
      required: false,
      clientCA: join(folder, "tls/clients.crt"),
    });
    expect(proxyProtocol?.trusted.map(String)).toEqual(["10.0.0.5", "10.0.1.0/28"]);
    const { listen: _, ...others } = settingsIn(serverText);
    expect(rest).toEqual(others);
  });

  test("seeds entries that each stand behind their parent, and members that are there", async () => {
    const entries = new Map<string, ReadonlyMap<string, readonly string[]>>();
    for await (const batch of readLdif(createReadStream(join(folder, "example.ldif")))) {
      for (const record of batch) {
        if (record.kind !== "content") throw new Error(`line ${record.line}: ${JSON.stringify(record)}`);
        const dn = Dn.parse(record.dn);
        if (entries.size > 0) expect(entries.has(dn.parent!.toString())).toBe(true);
        entries.set(dn.toString(), new Map(record.attributes.map(({ type, values }) => [type, values.map(String)])));
      }
    }
    const members = [...entries.values()].flatMap((attributes) => attributes.get("member") ?? []);
    for (const member of members) expect(entries.has(member)).toBe(true);
    expect(members.some((member) => member.startsWith("cn="))).toBe(true);
    const isA = (name: string) => [...entries.values()].filter((one) => one.get("objectClass")?.includes(name)).length;
    expect([isA("inetOrgPerson"), isA("posixAccount"), isA("groupOfNames")]).toEqual([12, 4, 5]);
    expect([...entries.keys()][0]).toBe("dc=example,dc=com");
  });
});

describe("a configuration that is not there", () => {
  test("is a problem that says how to make one", async () => {
    expect(await problems("/no/such/folder")).toEqual([
      "DIR  there is no such folder: `gatehouse init` makes a configuration",
    ]);
    expect(await problems(join(folder, "server.yaml"))).toEqual([
      "DIR  is not a folder: the folder that holds server.yaml is expected",
    ]);
    await inCopy(async (copy) => {
      await rm(join(copy, "server.yaml"));
      await rm(join(copy, "applications.yaml"));
      expect(await problems(copy)).toEqual([
        "DIR/server.yaml  there is no such file: `gatehouse init` makes a configuration",
        "DIR/applications.yaml  there is no such file: `gatehouse init` makes a configuration",
      ]);
    });
  });

  test("the seed must be there as well, and be a file", async () => {
    await inCopy(async (copy) => {
      await rm(join(copy, "example.ldif"));
      expect(await problems(copy)).toEqual(["DIR/server.yaml:22:7  seed: DIR/example.ldif: there is no such file"]);
      await writeFile(join(copy, "server.yaml"), serverText.replace("example.ldif", "."));
      expect(await problems(copy)).toEqual(["DIR/server.yaml:22:7  seed: DIR is not a file: an LDIF file is expected"]);
    });
  });

  test("the faults of both files are reported together, and bytes that are no text", async () => {
    await inCopy(async (copy) => {
      await writeFile(join(copy, "server.yaml"), Buffer.from([0x61, 0xff]));
      await writeFile(join(copy, "applications.yaml"), "application: []\n");
      expect(await problems(copy)).toEqual([
        "DIR/server.yaml  is not UTF-8 text",
        'DIR/applications.yaml:1:1  unknown key "application" (did you mean "applications"?)',
        expect.stringMatching(/^DIR\/applications.yaml:1:1 {2}the key "applications" is missing: /),
      ]);
    });
  });
});
