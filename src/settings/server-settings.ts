// server.yaml: the suffix, where the server listens, where it keeps its data, and its limits. The definition at the end
// of this file is the file's whole grammar.
import { Dn } from "../model/dn.js";
import { defaultLimits, type LimitName, type Limits, limitTable } from "../model/limits.js";
import { type LogLevel, logLevels } from "../telemetry/log.js";
import { deepFreeze } from "./freeze.js";
import { type Problem, SettingError } from "./problem.js";
import {
  bytes,
  defaulted,
  duration,
  integer,
  listOf,
  made,
  notAvailable,
  object,
  oneOf,
  optional,
  parsed,
  path,
  problemsOf,
  type Reading,
  required,
  type Shape,
  unavailable,
} from "./shape.js";
import { type Place, readYaml, type YamlNode } from "./yaml-document.js";

export interface ListenAddress {
  readonly scheme: "ldap";
  /** An address without brackets, or a host name. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** As written. */
  readonly text: string;
}

/** How new passwords are hashed. */
export interface PasswordSettings {
  readonly scheme: "bcrypt";
  readonly cost: number;
}

export interface LogSettings {
  readonly level: LogLevel;
  /** Absolute path of the audit file; undefined: the audit lines go to the log. */
  readonly audit?: string;
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
}

export const defaultPasswords: PasswordSettings = Object.freeze({ scheme: "bcrypt", cost: 10 });
export const defaultLog: LogSettings = Object.freeze({ level: "info" });

export interface ServerFile {
  /** How problems name it. */
  readonly file: string;
  /** Absolute; what relative paths in it are relative to. */
  readonly folder: string;
}

/** Reads server.yaml: the settings, frozen, or every fault. Looks at no other file; says where the seed is named, so that who does can. */
export function readServerSettings(
  source: string,
  { file, folder }: ServerFile,
): { server: ServerSettings; seedPlace: Place | undefined } | { problems: readonly Problem[] } {
  const tree = readYaml(source, file);
  if ("problems" in tree) return tree;
  const reading: Reading = { file, folder, problems: [] };
  const found = serverFile.read(tree.root, "", reading);
  return found === undefined || reading.problems.length > 0
    ? { problems: problemsOf(reading) }
    : { server: deepFreeze(found), seedPlace: placeOf(tree.root, "seed") };
}

function placeOf(root: YamlNode, key: string): Place | undefined {
  return root.kind === "map" ? root.entries.find((entry) => entry.key === key)?.value.at : undefined;
}

const ldapPort = 389;

/** Reads `ldap://HOST:PORT`; without a port it is 389. Throws SettingError. */
export function parseListenAddress(text: string): ListenAddress {
  if (/^ldap[si]:/i.test(text))
    throw new SettingError(`${JSON.stringify(text)} ${notAvailable}: write ldap://HOST:PORT`);
  const [, host, port] = /^ldap:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const number = port === undefined ? ldapPort : Number(port);
  if (host === undefined || number > 65_535) {
    throw new SettingError(
      `${JSON.stringify(text)} is not an address to listen on: write ldap://HOST:PORT, such as ldap://127.0.0.1:3890 or ldap://[::1]:3890`,
    );
  }
  return { scheme: "ldap", host: host.replace(/^\[|\]$/g, ""), port: number, text };
}

const listenAddress = parsed("an address such as ldap://127.0.0.1:3890", parseListenAddress);

const suffix = parsed("a distinguished name such as dc=example,dc=com", (text) => {
  const dn = Dn.parse(text);
  if (dn.isRoot) throw new SettingError("is empty: a distinguished name, such as dc=example,dc=com, is expected");
  return dn;
});

function limitShape(name: LimitName): Shape<number> {
  const { unit, least } = limitTable[name];
  if (unit === "bytes") return bytes(least);
  if (unit === "milliseconds") return duration(least);
  return integer({ least, most: Number.MAX_SAFE_INTEGER });
}

const limitNames = Object.keys(limitTable) as LimitName[];

const limits = made(
  object(Object.fromEntries(limitNames.map((name) => [name, defaulted(limitShape(name), limitTable[name].default)])), {
    emptyIsDefault: true,
  }),
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
  { level: defaulted(oneOf(logLevels), defaultLog.level), audit: optional(path) },
  { emptyIsDefault: true },
);

const serverFile = made(
  object({
    suffix: required(suffix),
    listen: required(listOf(listenAddress, 1)),
    store: required(object({ path: required(path) })),
    seed: optional(path),
    passwords: defaulted(passwords, defaultPasswords),
    limits: defaulted(limits, defaultLimits),
    log: defaulted(log, defaultLog),
    tls: unavailable(),
    proxyProtocol: unavailable(),
    metrics: unavailable(),
  }),
  ({ store, ...rest }): ServerSettings => ({ ...rest, storePath: store.path }),
);
