#!/usr/bin/env node
// The limit to compare with: a bare Node TCP server that answers every search with one prebuilt entry and every other
// request with a prebuilt success. It decodes nothing but the frame, the message ID and the operation's tag, and knows
// no directory, no rights and no schema: no LDAP server in Node can be faster.
//   node bench/floor.mjs [PORT]      port 0, the default, takes any free one; prints: listening on 127.0.0.1:PORT
import { createServer } from "node:net";

/** One TLV with the shortest length. */
function tlv(tag, ...parts) {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

/** A user as bench/people.mjs writes them. */
const attributes = {
  objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson"],
  uid: ["user12345"],
  cn: ["Marek Larsen"],
  sn: ["Larsen"],
  givenName: ["Marek"],
  displayName: ["Marek Larsen (engineering)"],
  mail: ["user12345@example.com"],
  employeeNumber: ["112345"],
  departmentNumber: ["engineering"],
  title: ["engineering 4"],
  telephoneNumber: ["+49 30 5551234"],
};
const list = Object.entries(attributes).map(([name, values]) =>
  tlv(0x30, tlv(0x04, name), tlv(0x31, ...values.map((value) => tlv(0x04, value)))),
);
const entry = tlv(0x64, tlv(0x04, "uid=user12345,ou=people,dc=example,dc=com"), tlv(0x30, ...list));

const succeeded = [0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
/** Tag of a request: the operations that answer it. Compare is answered with true (6). */
const answers = new Map([
  [0x60, [tlv(0x61, succeeded)]],
  [0x63, [entry, tlv(0x65, succeeded)]],
  [0x66, [tlv(0x67, succeeded)]],
  [0x68, [tlv(0x69, succeeded)]],
  [0x6e, [tlv(0x6f, [0x0a, 0x01, 0x06, 0x04, 0x00, 0x04, 0x00])]],
  [0x77, [tlv(0x78, succeeded)]],
]);

/** Where the content of the element at `at` begins and ends; undefined while it is not all there. */
function frame(bytes, at) {
  if (bytes.length < at + 2) return undefined;
  const first = bytes[at + 1];
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (bytes.length < at + 2 + octets) return undefined;
  const start = at + 2 + octets;
  const end = start + (octets === 0 ? first : bytes.readUIntBE(at + 2, octets));
  return end > bytes.length ? undefined : { start, end };
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const out = [];
    let at = 0;
    for (let message = frame(bytes, at); message; message = frame(bytes, at)) {
      const id = frame(bytes, message.start);
      for (const operation of answers.get(bytes[id.end]) ?? []) {
        const length = id.end - message.start + operation.length;
        const head = Buffer.from([0x30, 0x83, length >> 16, length >> 8, length]);
        out.push(head, bytes.subarray(message.start, id.end), operation);
      }
      at = message.end;
    }
    rest = bytes.subarray(at);
    if (out.length > 0) socket.write(Buffer.concat(out));
  });
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  process.stdout.write(`listening on 127.0.0.1:${server.address().port}\n`);
});
