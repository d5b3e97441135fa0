// Where audit lines are sent: a syslog daemon, by UDP or TCP.
import { isIPv4, isIPv6 } from "node:net";
import type { SyslogAddress } from "../telemetry/syslog.js";
import { SettingError } from "./problem.js";
import { parsed } from "./shape.js";

/** By UDP (RFC 5426); by TCP there is no other that is more usual. */
const usualPort = 514;

/** Reads `udp://HOST:PORT` or `tcp://HOST:PORT`. Throws SettingError. */
export function parseSyslogAddress(text: string): SyslogAddress {
  const form = /^(udp|tcp):\/\/(?:\[([0-9A-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/i;
  const [, protocol = "", address, name = "", digits] = form.exec(text) ?? [];
  const host = address ?? name;
  const port = digits === undefined ? usualPort : Number(digits);
  // What looks like an IPv4 address and is none would be looked up as a name.
  const isHost = address === undefined ? /[^\d.]/.test(name) || isIPv4(name) : isIPv6(address);
  if (!isHost || port < 1 || port > 65_535) {
    throw new SettingError(
      `${JSON.stringify(text)} is not the address of a syslog daemon: write udp://HOST:PORT or tcp://HOST:PORT, such as udp://127.0.0.1:514`,
    );
  }
  return { protocol: protocol.toLowerCase() === "tcp" ? "tcp" : "udp", host, port, text };
}

/** In a file of settings. */
export const syslogAddress = parsed("the address of a syslog daemon such as udp://127.0.0.1:514", parseSyslogAddress);
