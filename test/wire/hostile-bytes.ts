// What is made of good messages to do harm: one sample of each operation, and everything that can be done to it.
import * as send from "../support/raw-client.js";

/** Printed by the tests that use it; set GATEHOUSE_FUZZ_SEED to repeat a run. */
export const fuzzSeed = Number(process.env.GATEHOUSE_FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff));

const dn = "uid=ann,ou=people,dc=example,dc=com";
const controls = [
  { oid: "2.16.840.1.113730.3.4.2", critical: true },
  { oid: "1.2.840.113556.1.4.319", critical: false, value: Buffer.from("30050201640400", "hex") },
];

const filter = send.and(
  send.or(send.equality("objectClass", "person"), send.present("mail")),
  send.not(send.substrings("cn", { initial: "a" }, { any: "b" }, { final: "c" })),
  send.greaterOrEqual("createTimestamp", "20260101000000Z"),
  send.lessOrEqual("uidNumber", "1000"),
  send.approx("sn", "x"),
  send.extensible({ rule: "caseIgnoreMatch", attribute: "cn", value: "x", dnAttributes: true }),
);

/** One message of every operation, with controls. */
export const samples = [
  { operation: "bind", bytes: send.bind(9, dn, "secret", { controls }) },
  { operation: "bind", bytes: send.saslBind(9, "PLAIN", "secret") },
  { operation: "unbind", bytes: send.unbind(9, controls) },
  { operation: "search", bytes: send.search(9, { filter, attributes: ["cn", "*", "+"], controls }) },
  {
    operation: "modify",
    bytes: send.modify(9, dn, [{ modification: 2, type: "description", values: ["a", "b"] }], controls),
  },
  {
    operation: "add",
    bytes: send.add(
      9,
      dn,
      [
        { type: "objectClass", values: ["inetOrgPerson"] },
        { type: "sn", values: ["x"] },
      ],
      controls,
    ),
  },
  { operation: "delete", bytes: send.remove(9, dn, controls) },
  { operation: "modifyDn", bytes: send.modifyDn(9, dn, { newRdn: "uid=b", newSuperior: "dc=x" }, controls) },
  { operation: "compare", bytes: send.compare(9, dn, "cn", "x", controls) },
  { operation: "abandon", bytes: send.abandon(9, 8, controls) },
  { operation: "extended", bytes: send.extended(9, "1.2.3", "value", controls) },
] as const;

/** The message with each of its bytes in turn set to what does most harm. */
export function* mutationsOf(bytes: Buffer): Generator<Buffer> {
  for (const [at, byte] of bytes.entries()) {
    for (const other of [0x00, 0x7f, 0x80, 0xff, (byte + 1) & 0xff, (byte - 1) & 0xff]) {
      if (other === byte) continue;
      const changed = Buffer.from(bytes);
      changed[at] = other;
      yield changed;
    }
  }
}

/** Numbers from a seed, the same each time (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  below(bound: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % bound;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

interface Element {
  tag: number;
  /** Of a constructed element. */
  children?: Element[];
  content: Buffer;
}

/** The tree of elements, or undefined where the bytes are not one. */
function parse(bytes: Buffer): Element[] | undefined {
  const elements: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at]!;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      length = bytes.readUIntBE(start, octets);
      start += octets;
    }
    const content = bytes.subarray(start, start + length);
    const children = (tag & 0x20) !== 0 ? parse(content) : undefined;
    elements.push({ tag, content, ...(children ? { children } : {}) });
    at = start + length;
  }
  return elements;
}

function write({ tag, children, content }: Element): Buffer {
  return send.ber((writer) => writer.octets(children ? Buffer.concat(children.map(write)) : content, tag));
}

function everyElement(elements: readonly Element[]): Element[] {
  return elements.flatMap((element) => [element, ...everyElement(element.children ?? [])]);
}

const tags = [
  0x01, 0x02, 0x04, 0x0a, 0x30, 0x31, 0x80, 0x81, 0x82, 0x83, 0x84, 0x87, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa9,
];
const contents = [
  "",
  "00",
  "ff",
  "7fffffff",
  "80000000",
  "0100000000",
  "ffffffffff",
  "c0af",
  "f09f9880",
  "2a",
  "5c",
  "3d",
];

/** Well-formed BER of the wrong shape: elements dropped, doubled, swapped, retagged or filled with something else. */
export function reshaped(bytes: Buffer, random: Random): Buffer {
  const root = parse(bytes)!;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const all = everyElement(root);
    const element = random.of(all);
    const parents = all.filter(({ children }) => children && children.length > 0);
    if (parents.length === 0) break;
    const parent = random.of(parents);
    const siblings = parent.children!;
    const at = random.below(siblings.length);
    switch (random.below(7)) {
      case 0:
        siblings.splice(at, 1);
        break;
      case 1:
        siblings.splice(at, 0, siblings[at]!);
        break;
      case 2:
        siblings.reverse();
        break;
      case 3:
        element.tag = random.of(tags);
        break;
      case 4:
        delete element.children;
        element.content = Buffer.from(random.of(contents), "hex");
        break;
      case 5:
        delete element.children;
        element.content = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
        break;
      default:
        siblings.splice(at, 0, { tag: random.of(tags), content: Buffer.from(random.of(contents), "hex") });
    }
  }
  return root.length === 0 ? Buffer.alloc(0) : write(root[0]!);
}

/** Any bytes of it changed, taken away or added. */
export function scrambled(bytes: Buffer, random: Random): Buffer {
  let changed = Buffer.from(bytes);
  for (let times = 1 + random.below(6); times > 0 && changed.length > 0; times--) {
    const at = random.below(changed.length);
    if (random.below(3) === 0) changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + 1)]);
    else if (random.below(2) === 0) {
      changed = Buffer.concat([changed.subarray(0, at), Buffer.of(random.below(256)), changed.subarray(at)]);
    } else changed[at] = random.below(256);
  }
  return changed;
}
