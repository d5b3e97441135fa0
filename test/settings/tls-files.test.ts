import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { loadSettings } from "../../src/settings/load-settings.js";
import { formatProblem } from "../../src/settings/problem.js";
import { type TlsFiles, tlsWarnings } from "../../src/settings/tls-files.js";
import { describeWith } from "../clients/programs.js";
import { certificateFor, type Pair, type TestCertificates, testCertificates } from "../support/certificates.js";

type File = "server.crt" | "server.key" | "clients.crt";
type Files = Partial<Record<File, string | Buffer>>;

const serverYaml = `suffix: dc=example,dc=com
listen: [ldaps://127.0.0.1:0]
store: { path: data }
tls:
  certificate: server.crt
  key: server.key
  clientCA: clients.crt
`;

/** A configuration with these files in place of those that are right; `undefined` leaves one out. */
async function configuration(files: Files, text = serverYaml): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-tls-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "server.yaml"), text);
  await writeFile(join(folder, "applications.yaml"), "applications: []\n");
  for (const [name, content] of Object.entries({ ...right, ...files })) {
    if (content !== undefined) await writeFile(join(folder, name), content);
  }
  return folder;
}

async function problemsIn(folder: string): Promise<string[]> {
  const found = await loadSettings(folder);
  return "problems" in found ? found.problems.map((one) => formatProblem(one).replaceAll(folder, "DIR")) : [];
}

async function problems(files: Files): Promise<string[]> {
  return problemsIn(await configuration(files));
}

async function tlsFiles(files: Files = {}, text?: string): Promise<TlsFiles> {
  const found = await loadSettings(await configuration(files, text));
  if ("problems" in found) throw new Error(found.problems.map(formatProblem).join("\n"));
  return found.settings.tlsFiles!;
}

let right: Record<File, string>;
let certificates: TestCertificates;

const pem = (file: string) => readFile(file, "utf8");
const texts = async (pair: Pair) => ({ "server.crt": await pem(pair.certificate), "server.key": await pem(pair.key) });
const der = (text: string) => Buffer.from(text.replace(/-----.*-----/g, ""), "base64");
const begun = (text: string) => `${text.slice(0, text.length / 2)}\n`;
const noCertificate = "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n";
const madeWith = async (newKey: string) =>
  texts(await certificateFor(certificates, newKey, "/CN=localhost", { use: "server", newKey }));
const encrypted = (type: "pkcs8" | "sec1") =>
  createPrivateKey(right["server.key"]).export({ type, format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" });
const fingerprints = (text: Buffer) =>
  text
    .toString()
    .split(/(?=-----BEGIN)/)
    .map((one) => new X509Certificate(one).fingerprint256);

const derToPem = (command: string) => `\`openssl ${command} -inform DER -in … -out …\``;
const certificateExpected =
  "a PEM file with the server's certificate, and behind it those between it and its root, is expected";
const keyExpected = "a PEM file with the private key of the server's certificate is expected";
const clientsExpected = "a PEM file with the certificates of the authorities that sign those of clients is expected";

const atCertificate = (sentence: string) => `DIR/server.yaml:5:16  tls.certificate: DIR/server.crt${sentence}`;
const atKey = (sentence: string) => `DIR/server.yaml:6:8  tls.key: DIR/server.key${sentence}`;
const atClients = (sentence: string) => `DIR/server.yaml:7:13  tls.clientCA: DIR/clients.crt${sentence}`;

describeWith("the files of TLS", { programs: ["openssl"], inCi: true }, () => {
  beforeAll(async () => {
    certificates = await testCertificates();
    right = { ...(await texts(certificates.server)), "clients.crt": await pem(certificates.ca) };
  });

  test("are read where they fit together", async () => {
    const files = await tlsFiles();
    expect(files.certificate.toString()).toBe(right["server.crt"]);
    expect(createPrivateKey(files.key.reveal()).equals(createPrivateKey(right["server.key"]))).toBe(true);
    expect(files.clientCA?.toString()).toBe(right["clients.crt"]);
    expect(Object.isFrozen(files)).toBe(true);
  });

  test("are not looked for without the key tls", async () => {
    const text = serverYaml.replace("ldaps:", "ldap:").replace(/tls:[\s\S]*/, "");
    const found = await loadSettings(await configuration({}, text));
    expect("settings" in found && found.settings).not.toHaveProperty("tlsFiles");
  });

  test("are two without clientCA", async () => {
    expect(await tlsFiles({}, serverYaml.replace(/ {2}clientCA.*\n/, ""))).not.toHaveProperty("clientCA");
  });

  test("may hold a chain, and text around it, in the line ends of any system", async () => {
    const chain = `\xef\xbb\xbf${right["server.crt"]}Größe:\n0 s:CN = Test\n${right["clients.crt"]}`;
    const { certificate } = await tlsFiles({ "server.crt": Buffer.from(chain.replaceAll("\n", "\r\n"), "latin1") });
    expect(fingerprints(certificate)).toEqual(
      [right["server.crt"], right["clients.crt"]].map((one) => new X509Certificate(one).fingerprint256),
    );
  });

  test("may be one file, whose key is kept as a secret alone", async () => {
    const [certificate, key] = [right["server.crt"], right["server.key"]];
    for (const both of [key + certificate, certificate + key]) {
      const files = await tlsFiles({
        "server.crt": both,
        "server.key": both,
        "clients.crt": right["clients.crt"] + key,
      });
      expect(files.certificate.toString()).toBe(certificate);
      expect(files.clientCA?.toString()).toBe(right["clients.crt"]);
      expect(createPrivateKey(files.key.reveal()).equals(createPrivateKey(key))).toBe(true);
      expect(inspect(files, { depth: 9 }) + JSON.stringify(files)).toMatch(/\[secret\][\s\S]*\[secret\]/);
    }
  });

  test("may have a key in the older forms", async () => {
    const key = createPrivateKey(right["server.key"]);
    const sec1 = key.export({ type: "sec1", format: "pem" }).toString();
    const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for (const text of [sec1, parameters + sec1]) {
      const read = (await tlsFiles({ "server.key": text })).key.reveal();
      expect(createPrivateKey(read).equals(key)).toBe(true);
    }
    const rsa = await madeWith("rsa:2048");
    const pkcs1 = createPrivateKey(rsa["server.key"]).export({ type: "pkcs1", format: "pem" });
    expect((await tlsFiles({ ...rsa, "server.key": pkcs1 })).key.isEmpty).toBe(false);
  });

  test.each<[string, () => Files | Promise<Files>, readonly string[]]>([
    [
      "no certificate there",
      () => ({ "server.crt": undefined }),
      [atCertificate(`: there is no such file: ${certificateExpected}`)],
    ],
    [
      "none of them there",
      () => ({ "server.crt": undefined, "server.key": undefined, "clients.crt": undefined }),
      [
        atCertificate(`: there is no such file: ${certificateExpected}`),
        atKey(`: there is no such file: ${keyExpected}`),
        atClients(`: there is no such file: ${clientsExpected}`),
      ],
    ],
    [
      "empty files",
      () => ({ "server.crt": "", "server.key": "", "clients.crt": "" }),
      [
        atCertificate(` is empty: ${certificateExpected}`),
        atKey(` is empty: ${keyExpected}`),
        atClients(` is empty: ${clientsExpected}`),
      ],
    ],
    [
      "files that are too large",
      () => ({ "server.crt": right["server.crt"].padEnd(2 ** 21, "\n"), "server.key": Buffer.alloc(2 ** 20 + 1) }),
      [
        atCertificate(` is 2097152 bytes long, and at most 1048576 are read: ${certificateExpected}`),
        atKey(` is 1048577 bytes long, and at most 1048576 are read: ${keyExpected}`),
      ],
    ],
    [
      "DER in place of PEM",
      () => ({
        "server.crt": der(right["server.crt"]),
        "server.key": der(right["server.key"]),
        "clients.crt": der(right["clients.crt"]),
      }),
      [
        atCertificate(` is not text (DER becomes PEM with ${derToPem("x509")}): ${certificateExpected}`),
        atKey(` is not text (DER becomes PEM with ${derToPem("pkey")}): ${keyExpected}`),
        atClients(` is not text (DER becomes PEM with ${derToPem("x509")}): ${clientsExpected}`),
      ],
    ],
    [
      "other text",
      () => ({ "server.crt": "hunter2\n", "server.key": "hunter2\n", "clients.crt": "hunter2\n" }),
      [
        atCertificate(` holds no line -----BEGIN CERTIFICATE-----: ${certificateExpected}`),
        atKey(` holds no line -----BEGIN PRIVATE KEY-----: ${keyExpected}`),
        atClients(` holds no line -----BEGIN CERTIFICATE-----: ${clientsExpected}`),
      ],
    ],
    [
      "certificate and key exchanged",
      () => ({ "server.crt": right["server.key"], "server.key": right["server.crt"] }),
      [
        atCertificate(` holds a private key and no certificate: ${certificateExpected}`),
        atKey(` holds a certificate and no private key: ${keyExpected}`),
      ],
    ],
    [
      "a request and a public key",
      async () => ({
        "server.crt": await pem(join(certificates.folder, "server.csr")),
        "server.key": createPublicKey(right["server.key"]).export({ type: "spki", format: "pem" }),
      }),
      [
        atCertificate(` holds the request for a certificate, not the certificate: ${certificateExpected}`),
        atKey(` holds a public key and no private one: ${keyExpected}`),
      ],
    ],
    [
      "files that are cut off",
      () => ({ "server.crt": begun(right["server.crt"]), "server.key": begun(right["server.key"]) }),
      [
        atCertificate(`: the certificate that begins in line 1 is cut off or damaged: ${certificateExpected}`),
        atKey(`: its private key is cut off, damaged or of an unknown kind: ${keyExpected}`),
      ],
    ],
    [
      "damaged certificates among others",
      () => ({
        "server.crt": noCertificate + right["server.crt"],
        "clients.crt": `${noCertificate}\n${noCertificate}${right["clients.crt"]}`,
      }),
      [
        atCertificate(`: the certificate that begins in line 1 is cut off or damaged: ${certificateExpected}`),
        atClients(`: the certificates that begin in lines 1, 5 are cut off or damaged: ${clientsExpected}`),
      ],
    ],
    [
      "a key with a passphrase",
      () => ({ "server.key": encrypted("pkcs8") }),
      [atKey(" is encrypted: take off its passphrase with `openssl pkey -in … -out …`")],
    ],
    [
      "a key with a passphrase, in the older form",
      () => ({ "server.key": encrypted("sec1") }),
      [atKey(" is encrypted: take off its passphrase with `openssl pkey -in … -out …`")],
    ],
    [
      "the key of another certificate",
      async () => ({ "server.key": await pem(certificates.renewed.key) }),
      [atKey(" does not belong to the first certificate of DIR/server.crt: the key that it was made for is expected")],
    ],
    [
      "the key of a certificate of another kind",
      async () => ({ "server.key": (await madeWith("rsa:2048"))["server.key"] }),
      [atKey(" does not belong to the first certificate of DIR/server.crt: the key that it was made for is expected")],
    ],
    [
      "no certificate of an authority among those for clients",
      async () => ({ "clients.crt": (await pem(certificates.wiki.certificate)) + right["server.crt"] }),
      [atClients(` holds certificates, but none of an authority: ${clientsExpected}`)],
    ],
    [
      "a key that is too small",
      () => madeWith("rsa:512"),
      [
        atCertificate(
          " is refused by OpenSSL (ee key too small): a certificate with an RSA key of 2048 bits or more, or an EC key, signed with SHA-256 or better, is expected",
        ),
      ],
    ],
  ])("%s: each fault at its place", async (_, files, expected) => {
    const found = await problems(await files());
    expect(found).toEqual(expected);
    const keyText = right["server.key"].replace(/-----.*-----|\n/g, "");
    for (const part of keyText.match(/.{16}/g)!) expect(found.join()).not.toContain(part);
    expect(found.join()).not.toContain("hunter2");
  });

  test("certificates in a wrong order: the line of the one that the key belongs to", async () => {
    const line = right["clients.crt"].split("\n").length;
    expect(await problems({ "server.crt": right["clients.crt"] + right["server.crt"] })).toEqual([
      atKey(
        ` belongs to the certificate in line ${line} of DIR/server.crt, and not to the first: the server's own must come first`,
      ),
    ]);
  });

  test("what is no file, or cannot be reached", async () => {
    const folder = await configuration({ "server.crt": undefined, "server.key": undefined, "clients.crt": undefined });
    await mkdir(join(folder, "server.crt"));
    await symlink("server.key", join(folder, "server.key"));
    await symlink("/dev/zero", join(folder, "clients.crt"));
    expect(await problemsIn(folder)).toEqual([
      atCertificate(` is not a file: ${certificateExpected}`),
      atKey(` cannot be read (ELOOP): ${keyExpected}`),
      atClients(` is not a file: ${clientsExpected}`),
    ]);
  });

  test.skipIf(process.getuid?.() === 0)("a key that the server's user may not read", async () => {
    const folder = await configuration({});
    await chmod(join(folder, "server.key"), 0);
    expect(await problemsIn(folder)).toEqual([atKey(` cannot be read (EACCES): ${keyExpected}`)]);
  });

  test("their faults are told with those of the seed and of applications.yaml, in the order of the text", async () => {
    const folder = await configuration({ "server.key": undefined }, `seed: seed.ldif\n${serverYaml}`);
    await writeFile(join(folder, "server.crt"), "");
    await writeFile(join(folder, "applications.yaml"), "applications: none\n");
    expect(await problemsIn(folder)).toEqual([
      "DIR/server.yaml:1:7  seed: DIR/seed.ldif: there is no such file",
      `DIR/server.yaml:6:16  tls.certificate: DIR/server.crt is empty: ${certificateExpected}`,
      `DIR/server.yaml:7:8  tls.key: DIR/server.key: there is no such file: ${keyExpected}`,
      expect.stringMatching(/^DIR\/applications.yaml:1:15 {2}applications: is a text: a list/),
    ]);
  });

  test("an administrator is warned of a certificate that is not valid, or not for long", async () => {
    const files = await tlsFiles();
    const { validFrom, validTo } = new X509Certificate(right["server.crt"]);
    const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)];
    const [beginText, endText] = [begin, end].map((time) => new Date(time).toISOString().replace(".000Z", "Z"));
    const ends = [`the server's certificate ends at ${endText}, in less than 14 days: it has to be renewed`];
    const ended = [`the server's certificate ended at ${endText}: clients refuse it until it is renewed`];
    const day = 86_400_000;
    expect(tlsWarnings(files, begin - 1)).toEqual([
      `the server's certificate begins at ${beginText}: clients refuse it until then`,
    ]);
    expect(tlsWarnings(files, begin)).toEqual([]);
    expect(tlsWarnings(files, end - 14 * day)).toEqual([]);
    expect(tlsWarnings(files, end - 14 * day + 1)).toEqual(ends);
    expect(tlsWarnings(files, end)).toEqual(ends);
    expect(tlsWarnings(files, end + 1)).toEqual(ended);
    const old = await texts(await certificateFor(certificates, "old", "/CN=old", { use: "server", days: -1 }));
    expect(tlsWarnings(await tlsFiles(old), Date.now())[0]).toMatch(/^the server's certificate ended at \d{4}-/);
  });
});
