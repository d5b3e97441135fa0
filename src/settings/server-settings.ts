// server.yaml: the suffix, where and how the server listens, where it keeps its data, and its limits. The definition at
// the end of this file is the file's whole grammar.
import { Dn } from "../model/dn.js";
import { defaultLimits, type LimitName, type Limits, limitTable } from "../model/limits.js";
import { type LogLevel, logLevels } from "../telemetry/log.js";
import type { SyslogAddress } from "../telemetry/syslog.js";
import { type AddressRange, addressRange } from "./address-range.js";
import { deepFreeze } from "./freeze.js";
import { addressesIn, type ListenAddress, listenAddresses } from "./listen-address.js";
import { type Problem, SettingError } from "./problem.js";
import {
  bytes,
  defaulted,
  described,
  duration,
  flag,
  integer,
  listOf,
  made,
  object,
  oneOf,
  optional,
  parsed,
  path,
  problemsOf,
  type Reading,
  report,
  required,
  type Shape,
  unavailable,
} from "./shape.js";
import { syslogAddress } from "./syslog-address.js";
import { nodeAt, type Place, readYaml, type YamlNode } from "./yaml-document.js";

/** Paths are absolute. */
export interface TlsSettings {
  /** The server's certificate, and behind it those between it and its root. */
  readonly certificate: string;
  readonly key: string;
  /** Whether a client must use TLS before anything else. */
  readonly required: boolean;
  /** The authorities whose clients' certificates are believed. */
  readonly clientCA?: string;
}

export interface ProxySettings {
  /** Balancers whose PROXY header is believed. */
  readonly trusted: readonly AddressRange[];
}

/** How new passwords are hashed. */
export interface PasswordSettings {
  readonly scheme: "bcrypt";
  readonly cost: number;
}

export interface LogSettings {
  readonly level: LogLevel;
  /** Absolute path of the audit file; undefined, and `syslog` too: the audit lines go to the log. */
  readonly audit?: string;
  /** The audit file is moved away before it exceeds this; 0: never. */
  readonly auditBytes: number;
  /** Older audit files that are kept. */
  readonly auditFiles: number;
  /** A daemon that is sent the audit lines. */
  readonly syslog?: SyslogAddress;
}

export interface ServerSettings {
  readonly suffix: Dn;
  readonly listen: readonly ListenAddress[];
  /** Absolute. */
  readonly storePath: string;
  /** Absolute path of the LDIF file that is loaded once, into an empty store. */
  readonly seed?: string;
  readonly passwords: PasswordSettings;
  readonly limits: Limits;
  readonly log: LogSettings;
  readonly tls?: TlsSettings;
  readonly proxyProtocol?: ProxySettings;
}

export const defaultPasswords: PasswordSettings = Object.freeze({ scheme: "bcrypt", cost: 10 });
export const defaultLog: LogSettings = Object.freeze({
  level: "info",
  auditBytes: 64 * 1024 * 1024,
  auditFiles: 10,
});

export interface ServerFile {
  /** How problems name it. */
  readonly file: string;
  /** Absolute; what relative paths in it are relative to. */
  readonly folder: string;
}

/**
 * Reads server.yaml: the settings, frozen, or every fault. Looks at no other file; `placeOf` says where the value of a
 * key such as `tls.key` stands, for who does. The suffix is given beside faults that are not its own: by it other files
 * can be looked at all the same.
 */
export function readServerSettings(
  source: string,
  { file, folder }: ServerFile,
):
  | { server: ServerSettings; placeOf: (path: string) => Place | undefined }
  | { problems: readonly Problem[]; suffix?: Dn } {
  const tree = readYaml(source, file);
  if ("problems" in tree) return tree;
  const reading: Reading = { file, folder, problems: [] };
  const found = serverFile.read(tree.root, "", reading);
  return found === undefined || reading.problems.length > 0
    ? { problems: problemsOf(reading), ...suffixIn(tree.root, file) }
    : { server: deepFreeze(found), placeOf: (path) => nodeAt(tree.root, path)?.at };
}

const suffix = parsed("a distinguished name such as dc=example,dc=com", (text) => {
  const dn = Dn.parse(text);
  if (dn.isRoot) throw new SettingError("is empty: a distinguished name, such as dc=example,dc=com, is expected");
  return dn;
});

function suffixIn(root: YamlNode, file: string): { suffix?: Dn } {
  const node = nodeAt(root, "suffix");
  const found = node && suffix.read(node, "suffix", { file, folder: "", problems: [] });
  return found ? { suffix: found } : {};
}

function limitShape(name: LimitName): Shape<number> {
  const { unit, least } = limitTable[name];
  if (unit === "bytes") return bytes(least);
  if (unit === "milliseconds") return duration(least);
  return integer({ least, most: Number.MAX_SAFE_INTEGER });
}

const limitNames = Object.keys(limitTable) as LimitName[];

const limits = made(
  object(
    Object.fromEntries(
      limitNames.map((name) => [
        name,
        defaulted(described(limitShape(name), limitTable[name].means), limitTable[name].default),
      ]),
    ),
    {
      emptyIsDefault: true,
    },
  ),
  (values) => values as Limits,
);

const passwords = object(
  {
    scheme: defaulted(oneOf(["bcrypt"]), defaultPasswords.scheme),
    // Each step doubles the time: 10 is about 0.1 s, 16 about 5 s.
    cost: defaulted(integer({ least: 4, most: 16 }), defaultPasswords.cost),
    minLength: unavailable(),
    history: unavailable(),
    lockout: unavailable(),
    remember: unavailable(),
  },
  { emptyIsDefault: true },
);

const log: Shape<LogSettings> = object(
  {
    level: defaulted(oneOf(logLevels), defaultLog.level),
    audit: optional(path),
    auditBytes: defaulted(bytes(0), defaultLog.auditBytes),
    auditFiles: defaulted(integer({ least: 1, most: 1000 }), defaultLog.auditFiles),
    syslog: optional(syslogAddress),
  },
  { emptyIsDefault: true },
);

const tls: Shape<TlsSettings> = object({
  certificate: required(described(path, "PEM: the server's certificate, and behind it those between it and its root.")),
  key: required(described(path, "PEM: the private key of the server's certificate, without a passphrase.")),
  required: defaulted(described(flag, "Whether a client must use TLS before it may do anything else."), false),
  clientCA: optional(described(path, "PEM: the authorities whose certificates clients may show.")),
});

const proxyProtocol: Shape<ProxySettings> = object({
  trusted: required(described(listOf(addressRange, 1), "Balancers whose PROXY header is believed.")),
});

const keys = made(
  object({
    suffix: required(described(suffix, "The name at the top of the directory, such as dc=example,dc=com.")),
    listen: required(described(listenAddresses, "Where clients connect.")),
    store: required(object({ path: required(described(path, "The folder of the data.")) })),
    seed: optional(described(path, "An LDIF file, loaded once, into an empty store.")),
    passwords: defaulted(passwords, defaultPasswords),
    limits: defaulted(limits, defaultLimits),
    log: defaulted(log, defaultLog),
    tls: optional(tls),
    proxyProtocol: optional(proxyProtocol),
    metrics: unavailable(),
  }),
  ({ store, ...rest }): ServerSettings => ({ ...rest, storePath: store.path }),
);

export const serverFile: Shape<ServerSettings> = {
  ...keys,
  read(node, path, reading) {
    if (nodeAt(node, "tls") === undefined) reportUncertified(node, reading);
    return keys.read(node, path, reading);
  },
};

/** What listens with TLS needs a certificate. */
function reportUncertified(root: YamlNode, reading: Reading): void {
  for (const { address, ...spot } of addressesIn(nodeAt(root, "listen"), "listen", reading)) {
    if (address.scheme !== "ldaps") continue;
    const text = JSON.stringify(address.text);
    report(reading, spot, `${text} needs a certificate: add the key tls: { certificate: FILE, key: FILE }`);
  }
}
