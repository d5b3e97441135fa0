// The addresses in `listen`: where clients connect. ldap:// and ldaps:// name a host and a port, ldapi:// a Unix socket.
import { isIPv4, isIPv6 } from "node:net";
import { basename, resolve } from "node:path";
import { normalizeAddress } from "./address-range.js";
import { SettingError } from "./problem.js";
import { listOf, parsed, type Reading, report, type Shape, type Spot } from "./shape.js";
import type { YamlNode } from "./yaml-document.js";

/** Where TCP connections arrive. */
export interface NetworkAddress {
  readonly scheme: "ldap" | "ldaps";
  /** An address without brackets, or a host name. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** As written. */
  readonly text: string;
}

/** A Unix socket: who can open it is the local administrator. */
export interface LocalAddress {
  readonly scheme: "ldapi";
  /** Absolute. */
  readonly path: string;
  /** As written. */
  readonly text: string;
}

export type ListenAddress = NetworkAddress | LocalAddress;

/** The port without one in the text, and one to show. */
const ports = { ldap: { usual: 389, shown: 3890 }, ldaps: { usual: 636, shown: 6360 } } as const;

/** Linux keeps the path of a socket in 108 bytes, the last of them zero (sun_path in unix(7)). */
const longestSocketPath = 107;

/** Reads `ldap://HOST:PORT`, `ldaps://HOST:PORT` or `ldapi://PATH`; a relative path is below the folder. Throws SettingError. */
export function parseListenAddress(text: string, folder: string): ListenAddress {
  const [, written = "", rest = ""] = /^(ldap[si]?):\/\/(.*)$/is.exec(text) ?? [];
  const scheme = written.toLowerCase();
  if (scheme === "ldap" || scheme === "ldaps") return { scheme, ...hostAndPort(scheme, rest, text), text };
  if (scheme === "ldapi") return { scheme, path: socketPath(rest, folder, text), text };
  throw new SettingError(
    `${JSON.stringify(text)} is not an address to listen on: write ldap://HOST:PORT, ldaps://HOST:PORT or ldapi://PATH, such as ldap://127.0.0.1:3890`,
  );
}

function hostAndPort(scheme: NetworkAddress["scheme"], rest: string, text: string): { host: string; port: number } {
  const { usual, shown } = ports[scheme];
  const [, address, name = "", digits] = /^(?:\[([0-9A-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i.exec(rest) ?? [];
  const host = address ?? name;
  const port = digits === undefined ? usual : Number(digits);
  // What looks like an IPv4 address and is none would be looked up as a name.
  const isHost = address === undefined ? /[^\d.]/.test(name) || isIPv4(name) : isIPv6(address);
  if (isHost && port <= 65_535) return { host, port };
  throw new SettingError(
    `${JSON.stringify(text)} is not an address to listen on: write ${scheme}://HOST:PORT, such as ${scheme}://127.0.0.1:${shown} or ${scheme}://[::1]:${shown}`,
  );
}

/** All of the rest is a path: as it is, or encoded as OpenLDAP writes it, with or without a slash at its end. */
function socketPath(rest: string, folder: string, text: string): string {
  const isEncoded = rest.includes("%") && rest.indexOf("/") === rest.length - 1;
  const path = decoded(isEncoded ? rest.slice(0, -1) : rest);
  const fault = rest.includes("?") ? 'holds a "?", and extensions are not known here' : faultOf(path);
  if (path === undefined || fault !== undefined) {
    throw new SettingError(
      `${JSON.stringify(text)} ${fault}: write ldapi://PATH, such as ldapi:///run/gatehouse/ldapi or ldapi://ldapi`,
    );
  }
  const absolute = resolve(folder, path);
  const length = Buffer.byteLength(absolute);
  if (length > longestSocketPath) {
    throw new SettingError(
      `${JSON.stringify(text)} is a path of ${length} bytes, and that of a socket has at most ${longestSocketPath}: write a shorter one, such as ldapi:///run/gatehouse/ldapi`,
    );
  }
  return absolute;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function faultOf(path: string | undefined): string | undefined {
  if (path === undefined) return 'holds a "%" that encodes no character (a "%" itself is "%25")';
  if (path === "") return "has no path";
  if (/\p{Cc}/u.test(path)) return "holds a control character";
  return path.endsWith("/") || [".", ".."].includes(basename(path)) ? "names a folder and no socket in it" : undefined;
}

const listenAddress: Shape<ListenAddress> = {
  expects: "an address such as ldap://127.0.0.1:3890",
  schema: { type: "string", pattern: "^[Ll][Dd][Aa][Pp][SsIi]?://", description: "such as ldap://127.0.0.1:3890" },
  read(node, path, reading) {
    return parsed(this.expects, (text) => parseListenAddress(text, reading.folder)).read(node, path, reading);
  },
};

const addresses = listOf(listenAddress, 1);

/** The list of `listen`, in which no address stands twice. */
export const listenAddresses: Shape<readonly ListenAddress[]> = {
  ...addresses,
  read(node, path, reading) {
    reportRepeated(addressesIn(node, path, reading), reading);
    return addresses.read(node, path, reading);
  },
};

export interface FoundAddress extends Spot {
  readonly address: ListenAddress;
}

/** The addresses of a list. What is none is passed over here: it is reported where the list is read. */
export function addressesIn(list: YamlNode | undefined, path: string, reading: Reading): readonly FoundAddress[] {
  const unreported: Reading = { ...reading, problems: [] };
  return (list?.kind === "list" ? list.items : []).flatMap((item, n) => {
    const address = listenAddress.read(item, path, unreported);
    return address === undefined ? [] : [{ address, at: item.at, path: `${path}[${n}]` }];
  });
}

function reportRepeated(found: readonly FoundAddress[], reading: Reading): void {
  const seen = new Map<string, FoundAddress>();
  for (const one of found) {
    const { address } = one;
    const key = keyOf(address);
    const first = key === undefined ? undefined : seen.get(key);
    if (first) {
      const remedy = first.address.scheme === address.scheme ? "keep one of the two" : "give one of them another port";
      const other = `${JSON.stringify(first.address.text)} in line ${first.at.line}`;
      report(reading, one, `${JSON.stringify(address.text)} means the same address as ${other}: ${remedy}`);
    } else if (key !== undefined) seen.set(key, one);
  }
}

/** Equal for addresses of which only one can be listened on; undefined for any free port. */
function keyOf(address: ListenAddress): string | undefined {
  if (address.scheme === "ldapi") return address.path;
  return address.port === 0 ? undefined : `${normalizeAddress(address.host).toLowerCase()} ${address.port}`;
}
