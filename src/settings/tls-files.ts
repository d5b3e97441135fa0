// The PEM files of `tls`: read whole, and held against each other before anything listens with them. What is handed on is
// what was understood, written anew: a private key that stands in the file of the certificates as well stays behind.
// No sentence here holds a byte of a file.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { Secret } from "../model/secret.js";
import { isMissing, unreadable } from "./file-failure.js";
import { SettingError } from "./problem.js";
import type { TlsSettings } from "./server-settings.js";

/** What TLS needs, read from its files and found to fit together. */
export interface TlsFiles {
  /** PEM: the server's certificate comes first. */
  readonly certificate: Buffer;
  /** PEM. */
  readonly key: Secret;
  /** PEM. */
  readonly clientCA?: Buffer;
}

export interface TlsFault {
  readonly key: "certificate" | "key" | "clientCA";
  /** Names the file. */
  readonly message: string;
}

/** The oldest version of TLS that is spoken. */
export const oldestTls = "TLSv1.2";

/** Far above any chain or bundle. */
const longestFile = 1024 * 1024;

/** Completes "… is expected". */
const expected = {
  certificate: "a PEM file with the server's certificate, and behind it those between it and its root,",
  key: "a PEM file with the private key of the server's certificate",
  clientCA: "a PEM file with the certificates of the authorities that sign those of clients",
} as const;

/** Reads the files of `tls`; every fault found. */
export async function readTlsFiles(tls: TlsSettings): Promise<{ files: TlsFiles } | { faults: readonly TlsFault[] }> {
  const faults: TlsFault[] = [];
  const attempt = async <T>(key: TlsFault["key"], work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      faults.push({ key, message: error.message });
      return undefined;
    }
  };
  const { certificate: path, clientCA } = tls;
  const chain = await attempt("certificate", () => readCertificates(path, expected.certificate));
  const key = await attempt("key", () => readKey(tls.key));
  const authorities = clientCA && (await attempt("clientCA", () => readAuthorities(clientCA)));
  if (chain && key) await attempt("key", () => requireMatch(chain, key, tls));
  if (!chain || !key || faults.length > 0) return { faults };
  const files: TlsFiles = {
    certificate: written(chain),
    key: new Secret(key.export({ type: "pkcs8", format: "pem" })),
    ...(authorities && { clientCA: written(authorities) }),
  };
  const { certificate, clientCA: ca } = files;
  await attempt("certificate", () => requireAccepted({ cert: certificate, key: files.key.reveal() }, path));
  if (ca) await attempt("clientCA", () => requireAccepted({ ca }, clientCA!));
  return faults.length > 0 ? { faults } : { files };
}

const day = 86_400_000;

/** How long before its end a certificate is worth a warning, in milliseconds. */
const soon = 14 * day;

/** What an administrator should know about the server's certificate at this time. */
export function tlsWarnings(files: TlsFiles, now: number): readonly string[] {
  const { validFrom, validTo } = new X509Certificate(files.certificate);
  const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)];
  if (now > end) return [`the server's certificate ended at ${moment(end)}: clients refuse it until it is renewed`];
  if (now < begin) return [`the server's certificate begins at ${moment(begin)}: clients refuse it until then`];
  if (now <= end - soon) return [];
  return [`the server's certificate ends at ${moment(end)}, in less than ${soon / day} days: it has to be renewed`];
}

function moment(time: number): string {
  // A certificate may name a day that no calendar here has.
  if (Number.isNaN(time)) return "an unknown time";
  return new Date(time).toISOString().replace(".000", "");
}

/** The text of a PEM file. */
async function readPem(path: string, expects: string): Promise<string> {
  const refuse = (what: string): never => {
    throw new SettingError(`${path}${what}: ${expects} is expected`);
  };
  try {
    const found = await stat(path);
    if (!found.isFile()) refuse(" is not a file");
    if (found.size > longestFile) refuse(` is ${found.size} bytes long, and at most ${longestFile} are read`);
    const bytes = await readFile(path);
    if (bytes.length === 0) refuse(" is empty");
    // PEM is ASCII; what stands around it may be in any encoding.
    return bytes.toString("latin1").replace(/^\xef\xbb\xbf/, "");
  } catch (error) {
    if (error instanceof SettingError) throw error;
    return refuse(isMissing(error) ? ": there is no such file" : ` ${unreadable(error)}`);
  }
}

interface Certificate {
  /** Where it begins. */
  readonly line: number;
  readonly x509: X509Certificate;
}

async function readCertificates(path: string, expects: string): Promise<readonly Certificate[]> {
  const text = await readPem(path, expects);
  const found = certificatesIn(text);
  if (found.length === 0) throw new SettingError(`${path} ${notCertificates(text)}: ${expects} is expected`);
  const broken = found.flatMap(({ line, x509 }) => (x509 === undefined ? [line] : []));
  if (broken.length > 0) {
    const [which, verb] =
      broken.length === 1 ? ["certificate that begins in line", "is"] : ["certificates that begin in lines", "are"];
    throw new SettingError(
      `${path}: the ${which} ${broken.join(", ")} ${verb} cut off or damaged: ${expects} is expected`,
    );
  }
  return found as readonly Certificate[];
}

function certificatesIn(text: string): { line: number; x509: X509Certificate | undefined }[] {
  const blocks: { line: number; lines: string[] }[] = [];
  for (const [n, line] of text.split("\n").entries()) {
    if (line.startsWith("-----BEGIN CERTIFICATE-----")) blocks.push({ line: n + 1, lines: [] });
    blocks.at(-1)?.lines.push(line);
  }
  return blocks.map(({ line, lines }) => ({ line, x509: certificateOf(lines.join("\n")) }));
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

const binary = /[\0-\x08]/;

/** What a file without a certificate is instead, as far as it shows. */
function notCertificates(text: string): string {
  if (binary.test(text)) return "is not text (DER becomes PEM with `openssl x509 -inform DER -in … -out …`)";
  if (text.includes("PRIVATE KEY-----")) return "holds a private key and no certificate";
  if (text.includes("CERTIFICATE REQUEST-----")) return "holds the request for a certificate, not the certificate";
  return "holds no line -----BEGIN CERTIFICATE-----";
}

async function readKey(path: string): Promise<KeyObject> {
  const text = await readPem(path, expected.key);
  if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(text)) {
    throw new SettingError(`${path} ${notKey(text)}: ${expected.key} is expected`);
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new SettingError(
      /^(?:-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(text)
        ? `${path} is encrypted: take off its passphrase with \`openssl pkey -in … -out …\``
        : `${path}: its private key is cut off, damaged or of an unknown kind: ${expected.key} is expected`,
    );
  }
}

function notKey(text: string): string {
  if (binary.test(text)) return "is not text (DER becomes PEM with `openssl pkey -inform DER -in … -out …`)";
  if (text.includes("BEGIN CERTIFICATE-----")) return "holds a certificate and no private key";
  if (text.includes("PUBLIC KEY-----")) return "holds a public key and no private one";
  return "holds no line -----BEGIN PRIVATE KEY-----";
}

async function readAuthorities(path: string): Promise<readonly Certificate[]> {
  const found = await readCertificates(path, expected.clientCA);
  // OpenSSL takes anything, and then believes nobody. A root of old, before there were extensions, signs itself.
  if (found.some(({ x509 }) => x509.ca || x509.issuer === x509.subject)) return found;
  throw new SettingError(`${path} holds certificates, but none of an authority: ${expected.clientCA} is expected`);
}

function requireMatch(chain: readonly Certificate[], key: KeyObject, tls: TlsSettings): void {
  const owner = chain.find(({ x509 }) => x509.checkPrivateKey(key));
  if (owner === chain[0]) return;
  throw new SettingError(
    owner === undefined
      ? `${tls.key} does not belong to the first certificate of ${tls.certificate}: the key that it was made for is expected`
      : `${tls.key} belongs to the certificate in line ${owner.line} of ${tls.certificate}, and not to the first: the server's own must come first`,
  );
}

/** OpenSSL has rules of its own, such as how long a key must be. */
function requireAccepted(options: SecureContextOptions, path: string): void {
  try {
    createSecureContext({ ...options, minVersion: oldestTls });
  } catch (error) {
    const { reason, code } = error as { reason?: string; code?: string };
    throw new SettingError(
      `${path} is refused by OpenSSL (${reason ?? code ?? "without a reason"}): a certificate with an RSA key of 2048 bits or more, or an EC key, signed with SHA-256 or better, is expected`,
    );
  }
}

function written(certificates: readonly Certificate[]): Buffer {
  return Buffer.from(certificates.map(({ x509 }) => x509.toString()).join(""));
}
