// What is made of good messages to do harm: samples of each operation, and everything that can be done to them.
import { controls as knownControls } from "../../src/operations/controls.js";
import * as send from "../support/raw-client.js";

/** Printed by the tests that use it; set GATEHOUSE_FUZZ_SEED to repeat a run. */
export const fuzzSeed = Number(process.env.GATEHOUSE_FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff));

const dn = "uid=ann,ou=people,dc=example,dc=com";
const moved = "uid=anne,ou=people,dc=example,dc=com";
const group = "cn=fuzzed,ou=groups,dc=example,dc=com";
const application = "cn=console,ou=applications,dc=example,dc=com";

const critical = { oid: "2.16.840.1.113730.3.4.2", critical: true };
const paged = (value: string) => ({ oid: send.pagedResults, critical: false, value: Buffer.from(value, "hex") });
const controls = [critical, paged("30050201640400")];

/** What clients of other servers ask for: sorting, a list view, assertion, pre- and post-read, another's identity, … */
const controlsOfOthers = [
  { oid: "1.2.840.113556.1.4.473", value: "3006300404027569" },
  { oid: "2.16.840.1.113730.3.4.9", value: "3010020100020105a008020100020100810100" },
  { oid: "1.3.6.1.1.12", value: "870b6f626a656374436c617373" },
  { oid: "1.3.6.1.1.13.1", value: "30040402636e" },
  { oid: "1.3.6.1.1.13.2", value: "300304012a" },
  { oid: "2.16.840.1.113730.3.4.18", value: "646e3a" },
  { oid: "1.3.6.1.4.1.42.2.27.8.5.1" },
  { oid: "1.2.840.113556.1.4.805" },
  { oid: "1.2.840.113556.1.4.1413" },
  { oid: "1.3.6.1.4.1.4203.1.9.1.1", value: "30030a0101" },
  { oid: "2.16.840.1.113730.3.4.3", value: "30090201010101ff0101ff" },
  { oid: "1.3.6.1.1.22" },
];

const everyControl: readonly send.ControlOf[] = [
  ...knownControls.map(({ oid }) => ({ oid, critical: false })),
  paged("30050201050400"),
  { oid: "1.3.6.1.4.1.4203.1.10.1", value: Buffer.from("0101ff", "hex") },
  ...controlsOfOthers.map(({ oid, value }) => ({
    oid,
    critical: false,
    ...(value === undefined ? {} : { value: Buffer.from(value, "hex") }),
  })),
];

const filter = send.and(
  send.or(send.equality("objectClass", "person"), send.present("mail")),
  send.not(send.substrings("cn", { initial: "a" }, { any: "b" }, { final: "c" })),
  send.greaterOrEqual("createTimestamp", "20260101000000Z"),
  send.lessOrEqual("uidNumber", "1000"),
  send.approx("sn", "x"),
  send.extensible({ rule: "caseIgnoreMatch", attribute: "cn", value: "x", dnAttributes: true }),
);

const person: readonly send.AttributeOf[] = [
  { type: "objectClass", values: ["inetOrgPerson", "posixAccount"] },
  { type: "uid", values: ["ann"] },
  { type: "cn", values: ["Ann", "Ann Archer"] },
  { type: "sn", values: ["Archer"] },
  { type: "cn;lang-de", values: ["\u00c4nn"] },
  { type: "mail", values: ["ann@example.com", "archer@example.com"] },
  { type: "telephoneNumber", values: ["+1 555 0101"] },
  { type: "description", values: ["a", "b", "\u{1f600}"] },
  { type: "jpegPhoto", values: [Buffer.of(0xff, 0xd8, 0xff, 0xe0, 0x00)] },
  { type: "seeAlso", values: [application] },
  { type: "uidNumber", values: ["10001"] },
  { type: "gidNumber", values: ["10000"] },
  { type: "homeDirectory", values: ["/home/ann"] },
  { type: "userPassword", values: ["ann-secret"] },
];

/** Messages of every operation, most of them with controls. Each has an ID of one octet: and gets another where many are sent. */
export const samples = [
  { operation: "bind", bytes: send.bind(9, dn, "secret", { controls }) },
  { operation: "bind", bytes: send.bind(9, application, "console-secret", { controls: [critical] }) },
  { operation: "bind", bytes: send.saslBind(9, "PLAIN", "secret") },
  { operation: "bind", bytes: send.saslBind(9, "PLAIN", `\0${application}\0console-secret`) },
  { operation: "bind", bytes: send.saslBind(9, "EXTERNAL") },
  { operation: "bind", bytes: send.saslBind(9, "EXTERNAL", "dn:") },
  { operation: "unbind", bytes: send.unbind(9, controls) },
  { operation: "search", bytes: send.search(9, { filter, attributes: ["cn", "*", "+"], controls }) },
  {
    operation: "search",
    bytes: send.search(9, {
      base: "ou=people,dc=example,dc=com",
      scope: 1,
      sizeLimit: 3,
      timeLimit: 5,
      typesOnly: true,
      filter: send.substrings("uid", { any: "a" }),
      attributes: ["1.1", "cn;lang-de", "@person", "2.5.4.4"],
      controls: [critical, paged(`3031020102042c${"0102".repeat(22)}`)],
    }),
  },
  { operation: "search", bytes: send.search(9, { base: "", scope: 0, attributes: ["+"], controls: everyControl }) },
  { operation: "search", bytes: send.search(9, { base: "cn=Subschema", scope: 0, attributes: ["cn"] }) },
  {
    operation: "modify",
    bytes: send.modify(9, dn, [{ modification: 2, type: "description", values: ["a", "b"] }], controls),
  },
  {
    operation: "modify",
    bytes: send.modify(
      9,
      dn,
      [
        { modification: 3, type: "uidNumber", values: ["1"] },
        { modification: 0, type: "mail", values: ["a@b.c"] },
        { modification: 1, type: "mail", values: ["a@b.c"] },
        { modification: 2, type: "userPassword", values: ["ann-secret"] },
        { modification: 1, type: "title", values: [] },
      ],
      [critical],
    ),
  },
  { operation: "modify", bytes: send.modify(9, group, [{ modification: 0, type: "member", values: [dn, moved] }]) },
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
  { operation: "add", bytes: send.add(9, dn, person, [critical]) },
  {
    operation: "add",
    bytes: send.add(9, group, [
      { type: "objectClass", values: ["groupOfNames"] },
      { type: "cn", values: ["fuzzed"] },
      { type: "member", values: [dn] },
    ]),
  },
  { operation: "delete", bytes: send.remove(9, dn, controls) },
  { operation: "delete", bytes: send.remove(9, group, [critical]) },
  { operation: "modifyDn", bytes: send.modifyDn(9, dn, { newRdn: "uid=b", newSuperior: "dc=x" }, controls) },
  { operation: "modifyDn", bytes: send.modifyDn(9, dn, { newRdn: "uid=anne" }, [critical]) },
  {
    operation: "modifyDn",
    bytes: send.modifyDn(9, moved, {
      newRdn: "uid=ann",
      deleteOldRdn: false,
      newSuperior: "ou=people,dc=example,dc=com",
    }),
  },
  { operation: "compare", bytes: send.compare(9, dn, "cn", "x", controls) },
  { operation: "compare", bytes: send.compare(9, dn, "userPassword", "ann-secret", [critical]) },
  { operation: "abandon", bytes: send.abandon(9, 8, controls) },
  { operation: "extended", bytes: send.extended(9, "1.2.3", "value", controls) },
  { operation: "extended", bytes: send.whoAmI(9, [critical]) },
  // StartTLS, Cancel (of message 8), a change of password, and what only a server may say.
  { operation: "extended", bytes: send.extended(9, "1.3.6.1.4.1.1466.20037") },
  { operation: "extended", bytes: send.extended(9, "1.3.6.1.1.8", Buffer.from("3003020108", "hex")) },
  {
    operation: "extended",
    bytes: send.extended(9, "1.3.6.1.4.1.4203.1.11.1", Buffer.from("300b800161810162820163", "hex")),
  },
  { operation: "extended", bytes: send.extended(9, send.noticeOfDisconnection) },
] as const;

/** The sample under another ID, 1 to 127. */
function withId(bytes: Buffer, id: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[headerLength(changed) + 2] = id;
  return changed;
}

/** IDs of messages that are sent one after the other: two of the same must not be under way at once. */
const idOf = (n: number) => 1 + (n % 120);

function headerLength(bytes: Buffer): number {
  return bytes[1]! < 0x80 ? 2 : 2 + (bytes[1]! & 0x7f);
}

/** The message with each of its bytes in turn set to what does most harm. */
export function* mutationsOf(bytes: Buffer): Generator<Buffer> {
  for (const [at, byte] of bytes.entries()) {
    for (const other of new Set([0x00, 0x7f, 0x80, 0xff, (byte + 1) & 0xff, (byte - 1) & 0xff])) {
      if (other === byte) continue;
      const changed = Buffer.from(bytes);
      changed[at] = other;
      yield changed;
    }
  }
}

/** All of these of all samples, under different IDs. */
export function everyMutation(): Buffer[] {
  const all: Buffer[] = [];
  for (const { bytes } of samples) {
    const at = headerLength(bytes) + 2;
    for (const changed of mutationsOf(bytes)) {
      if (changed[at] === bytes[at]) changed[at] = idOf(all.length);
      all.push(changed);
    }
  }
  return all;
}

/** Numbers from a seed, the same each time (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Seeds that are next to each other begin far from each other (the end of MurmurHash3).
    let mixed = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    this.#state = (mixed ^ (mixed >>> 16)) >>> 0 || 1;
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

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

interface Element {
  tag: number;
  /** Of a constructed element, and of a string that holds BER itself, as the value of a control does. */
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
      if (octets < 1 || octets > 4 || start + octets > bytes.length) return undefined;
      length = bytes.readUIntBE(start, octets);
      start += octets;
    }
    if (start + length > bytes.length) return undefined;
    const content = bytes.subarray(start, start + length);
    const children = (tag & 0x20) !== 0 || content[0] === 0x30 ? parse(content) : undefined;
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
  0x01, 0x02, 0x04, 0x0a, 0x30, 0x31, 0x42, 0x4a, 0x50, 0x60, 0x63, 0x66, 0x77, 0x80, 0x81, 0x82, 0x83, 0x84, 0x87,
  0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa9,
];

const hex = (text: string) => Buffer.from(text, "hex");
const contents: readonly Buffer[] = [
  ...["", "00", "ff", "7fffffff", "80000000", "0100000000", "ffffffffff", "c0af", "f09f9880", "eda080"].map(hex),
  ...["*", "\\", "=", "+", ",", "\\zz", "cn=a,,dc=x", "uid=a+cn=b", "a*b", "x)(objectClass=*", "{BCRYPT}$2b$31$"].map(
    (text) => Buffer.from(text),
  ),
  ...["userPassword", "memberOf", "cn;binary;lang-x", "2.5.4.3", "objectClass", "@top", "caseIgnoreMatch"].map((text) =>
    Buffer.from(text),
  ),
  ...[dn, moved, group, "dc=example,dc=com", "cn=Subschema", application].map((text) => Buffer.from(text)),
];

/** Bytes in a repeated or filled element at most, so that most of these messages stay within what is taken. */
const most = 60_000;

/** What is done to an element, and to the siblings that it has its place among. */
const reshapings: readonly ((siblings: Element[], at: number, random: Random) => void)[] = [
  (siblings, at) => siblings.splice(at, 1),
  (siblings, at) => siblings.splice(at, 0, siblings[at]!),
  (siblings) => siblings.reverse(),
  (siblings, at, random) => {
    const other = random.below(siblings.length);
    [siblings[at], siblings[other]] = [siblings[other]!, siblings[at]!];
  },
  (siblings, at, random) => {
    siblings[at]!.tag = random.of(tags);
  },
  (siblings, at, random) => fill(siblings[at]!, random.of(contents)),
  (siblings, at, random) => fill(siblings[at]!, random.bytes(random.below(40))),
  (siblings, at, random) => siblings.splice(at, 0, { tag: random.of(tags), content: random.of(contents) }),
  // A piece of another message.
  (siblings, at, random) => {
    siblings[at] = random.of(everyElement(parse(random.of(samples).bytes)!));
  },
  // Dear in the making, and so rare.
  (siblings, at, random) => {
    if (random.below(40) > 0) return;
    const times = Math.min(5000, Math.floor(most / (write(siblings[at]!).length + 1)));
    siblings.splice(at, 0, ...Array.from({ length: random.below(times + 1) }, () => siblings[at]!));
  },
  (siblings, at, random) => {
    if (random.below(40) === 0) fill(siblings[at]!, Buffer.alloc(random.below(most), random.below(256)));
  },
  (siblings, at, random) => {
    const tag = random.of([siblings[at]!.tag, 0x30, 0xa0, 0xa1, 0xa2]);
    for (let levels = random.below(random.below(10) === 0 ? 200 : 3); levels >= 0; levels--) {
      siblings[at] = { tag, children: [siblings[at]!], content: Buffer.alloc(0) };
    }
  },
];

function fill(element: Element, content: Buffer): void {
  delete element.children;
  element.content = content;
}

/** Well-formed BER of the wrong shape: elements dropped, doubled, moved, retagged, nested, or filled with something else. */
export function reshaped(bytes: Buffer, random: Random): Buffer {
  const root = parse(bytes)!;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const parents = everyElement(root).filter(({ children }) => children && children.length > 0);
    if (parents.length === 0) break;
    const siblings = random.of(parents).children!;
    random.of(reshapings)(siblings, random.below(siblings.length), random);
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

/** A few bytes of it changed: most of them are of values, so that most of these are still messages. */
function overwritten(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let times = 1 + random.below(3); times > 0; times--) changed[random.below(changed.length)] = random.below(256);
  return changed;
}

/** What is in the message changed and its length made to fit, so that the change is not seen by its length alone. */
function refitted(bytes: Buffer, change: (content: Buffer) => Buffer): Buffer {
  const content = change(bytes.subarray(headerLength(bytes)));
  return send.ber((writer) => writer.octets(content, 0x30));
}

/** Whoever unbinds is gone, and whoever binds is most often nobody: what follows would meet a closed door. */
const endings: readonly string[] = ["bind", "unbind"];
const builders = samples.filter(({ operation }) => operation === "add");

/** One of the mutations, determined by seed and number: number n is the same whatever was made before it. */
export function mutated(seed: number, n: number): Buffer {
  const random = new Random(Math.imul(seed, 0x9e3779b1) + n);
  const id = idOf(n);
  const kind = random.below(100);
  // Unharmed ones between them, so that there is an entry to change.
  if (kind < 10) return withId(random.of(builders).bytes, id);
  let sample = random.of(samples);
  if (endings.includes(sample.operation) && random.below(3) > 0) sample = random.of(samples);
  const bytes = withId(sample.bytes, id);
  const cut = (whole: Buffer) => whole.subarray(0, random.below(whole.length));
  if (kind < 18) return bytes;
  if (kind < 60) return reshaped(bytes, random);
  if (kind < 75) return overwritten(bytes, random);
  if (kind < 86) return refitted(bytes, (content) => scrambled(content, random));
  if (kind < 91) return refitted(bytes, cut);
  return kind < 97 ? scrambled(bytes, random) : cut(bytes);
}
