import { expect, test } from "vitest";
import { parseSyslogAddress } from "../../src/settings/syslog-address.js";

test.each([
  ["udp://127.0.0.1:514", { protocol: "udp", host: "127.0.0.1", port: 514 }],
  ["TCP://logs.example.com:6514/", { protocol: "tcp", host: "logs.example.com", port: 6514 }],
  ["udp://[2001:db8::1]", { protocol: "udp", host: "2001:db8::1", port: 514 }],
])("%s", (text, address) => {
  expect(parseSyslogAddress(text)).toEqual({ ...address, text });
});

test.each(["", "127.0.0.1:514", "tls://host:6514", "udp://", "udp://host:0", "udp://host:65536", "udp://1.2.3:514"])(
  "%j is refused with the form that is expected",
  (text) => {
    expect(() => parseSyslogAddress(text)).toThrow(/write udp:\/\/HOST:PORT or tcp:\/\/HOST:PORT/);
  },
);
