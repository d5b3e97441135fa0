// Certificates for tests, made by the `openssl` command (version 3) once per test file, in a temporary folder that is
// removed after all its tests.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll } from "vitest";

/** PEM files. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface TestCertificates {
  readonly folder: string;
  /** The certificate of the authority, a PEM file. */
  readonly ca: string;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Pair;
  /** Another of the same authority for the same names. */
  readonly renewed: Pair;
  /** A client's: CN=wiki. */
  readonly wiki: Pair;
  /** A client's: CN=nobody. */
  readonly nobody: Pair;
  /** A client's: CN=wiki, from another authority that has the same name. */
  readonly stranger: Pair;
}

export interface CertificateOptions {
  /** What it may be shown as; default: `client`. A `server` is for localhost, 127.0.0.1 and ::1. */
  readonly use?: "client" | "server";
  /** How long it is valid from now on; a negative number has ended already. */
  readonly days?: number;
  /** As OpenSSL's -newkey takes it: `rsa:2048`; default: EC P-256. */
  readonly newKey?: string;
}

const authority = "/CN=Gatehouse Test CA";

const extensions = `[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

const folders: string[] = [];
let made: Promise<TestCertificates> | undefined;

afterAll(async () => {
  await made?.catch(() => {}); // who asked for them was told
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** The same ones for all tests of a file. */
export function testCertificates(): Promise<TestCertificates> {
  made ??= make();
  return made;
}

/** Makes one more pair signed by the CA. `subject` is an OpenSSL -subj text such as "/CN=wiki". */
export function certificateFor(
  { folder }: TestCertificates,
  name: string,
  subject: string,
  options: CertificateOptions = {},
): Promise<Pair> {
  return signedBy(folder, pairAt(folder, "ca"), name, subject, options);
}

async function make(): Promise<TestCertificates> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-certificates-"));
  folders.push(folder);
  await writeFile(join(folder, "extensions.cnf"), extensions);
  const [ca, other] = await Promise.all(["ca", "other-ca"].map((name) => selfSigned(folder, name)));
  const [server, renewed, wiki, nobody, stranger] = await Promise.all([
    signedBy(folder, ca!, "server", "/CN=localhost", { use: "server" }),
    signedBy(folder, ca!, "renewed", "/CN=localhost", { use: "server" }),
    signedBy(folder, ca!, "wiki", "/CN=wiki", {}),
    signedBy(folder, ca!, "nobody", "/CN=nobody", {}),
    signedBy(folder, other!, "stranger", "/CN=wiki", {}),
  ]);
  return { folder, ca: ca!.certificate, server, renewed, wiki, nobody, stranger };
}

function pairAt(folder: string, name: string): Pair {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

async function selfSigned(folder: string, name: string): Promise<Pair> {
  const pair = pairAt(folder, name);
  const way = ["-config", join(folder, "extensions.cnf"), "-extensions", "ca", "-days", "365", ...keyOf()];
  await openssl("req", "-x509", ...way, "-subj", authority, "-keyout", pair.key, "-out", pair.certificate);
  return pair;
}

async function signedBy(
  folder: string,
  ca: Pair,
  name: string,
  subject: string,
  { use = "client", days = 90, newKey }: CertificateOptions,
): Promise<Pair> {
  const pair = pairAt(folder, name);
  const request = join(folder, `${name}.csr`);
  const config = join(folder, "extensions.cnf");
  await openssl(
    "req",
    "-config",
    config,
    ...keyOf(newKey),
    "-utf8",
    "-subj",
    subject,
    "-keyout",
    pair.key,
    "-out",
    request,
  );
  const issuer = ["-CA", ca.certificate, "-CAkey", ca.key, "-extfile", config, "-extensions", use];
  await openssl("x509", "-req", "-in", request, ...issuer, "-days", String(days), "-out", pair.certificate);
  return pair;
}

/** A new key, kept without a passphrase. */
function keyOf(newKey?: string): string[] {
  return ["-noenc", ...(newKey ? ["-newkey", newKey] : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])];
}

async function openssl(...args: readonly string[]): Promise<void> {
  await promisify(execFile)("openssl", args);
}
