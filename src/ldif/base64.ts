// Base64 (RFC 4648 section 4) as LDIF has it: padded, without white space. Node's own decoder passes over whatever is
// not base64, and would turn a damaged file into damaged values without a word.

const isDigit = new Uint8Array(256);
for (const digit of Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")) isDigit[digit] = 1;
const padding = 0x3d;

/** Undefined where the bytes from `start` to `end` are not base64. */
export function decodeBase64(bytes: Buffer, start: number, end: number): Buffer | undefined {
  if ((end - start) % 4 !== 0) return undefined;
  let stop = end;
  while (stop > start && end - stop < 2 && bytes[stop - 1] === padding) stop -= 1;
  for (let at = start; at < stop; at++) if (isDigit[bytes[at]!] === 0) return undefined;
  return Buffer.from(bytes.toString("latin1", start, end), "base64");
}
