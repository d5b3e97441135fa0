// Made-up directories and filters for property tests: few distinct values, so that much of it meets.
import fc from "fast-check";
import { type Dn, makeRdn } from "../../src/model/dn.js";
import type { Filter } from "../../src/model/filter.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { uuidText } from "../../src/store/entry-row.js";
import { type Literal, organization, suffix } from "./store.js";

export interface MadeEntry {
  readonly dn: Dn;
  readonly literal: Literal;
  readonly uuid: Buffer;
  /** When it was added, in milliseconds. */
  readonly now: number;
}

const characters = fc.constantFrom("a", "b", "c", "A", "B", " ", "é", "ß", "-");
const short = fc.string({ unit: characters, minLength: 1, maxLength: 6 });
/** Longer than an index key keeps, alike at the beginning. */
const long = fc.tuple(fc.constantFrom("a", "ab "), short).map(([unit, end]) => `${unit.repeat(40)}${end}`);
export const word = fc.oneof({ weight: 12, arbitrary: short }, { weight: 1, arbitrary: long });

const number = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(100, 99999999999, -99999999999)).map(String);
const telephone = fc.string({ unit: fc.constantFrom("1", "2", " ", "-"), minLength: 3, maxLength: 6 });

const facts = fc.record({
  kind: fc.constantFrom("person", "person", "person", "account", "group", "uniqueGroup", "posixGroup", "unit"),
  above: fc.nat(),
  name: word,
  names: fc.array(word, { maxLength: 2 }),
  german: fc.option(word),
  sn: word,
  uid: fc.option(short),
  mail: fc.option(fc.constantFrom("a@b.c", "ab@b.c", "abc@B.C", "b@a.org")),
  title: fc.option(word),
  displayName: fc.option(word),
  number,
  telephone: fc.option(telephone),
  photo: fc.option(fc.uint8Array({ minLength: 1, maxLength: 3 })),
  seeAlso: fc.option(fc.nat()),
  members: fc.array(fc.nat(), { maxLength: 8 }),
  missing: fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 2 }),
  seconds: fc.integer({ min: 0, max: 5 }),
});

type Facts = typeof facts extends fc.Arbitrary<infer T> ? T : never;

/**
 * A directory: parents before children; members may stand before or behind their groups, or nowhere. `times`: so often
 * the same entries again under other names, to make lists long.
 */
export function directories(
  size: { minLength: number; maxLength: number },
  times = 1,
): fc.Arbitrary<readonly MadeEntry[]> {
  return fc.array(facts, size).map((list) => madeOf(Array.from({ length: times }, () => list).flat()));
}

function madeOf(list: readonly Facts[]): MadeEntry[] {
  const entries: MadeEntry[] = [{ dn: suffix, literal: organization, uuid: uuid(0), now: 0 }];
  const dns = [suffix];
  list.forEach((fact, n) => {
    const type = fact.kind === "unit" ? "ou" : "cn";
    // Few stand deep: the first entries hold the most.
    const above = dns[fact.above % Math.min(dns.length, 1 + (fact.above % 5))]!;
    dns.push(above.child(makeRdn([{ type, value: Buffer.from(`${fact.name} ${n}`) }])));
  });
  list.forEach((fact, n) => {
    entries.push({
      dn: dns[n + 1]!,
      literal: literalOf(fact, `${fact.name} ${n}`, dns),
      uuid: uuid(n + 1),
      now: fact.seconds * 1000 + (n % 3) * 400,
    });
  });
  return entries;
}

const uuid = (n: number): Buffer =>
  Buffer.from(`${n.toString(16).padStart(8, "0")}aaaa4aaa8aaa${"ab".repeat(6)}`, "hex");

function literalOf(fact: Facts, name: string, dns: readonly Dn[]): Literal {
  const dn = (n: number) => dns[n % dns.length]!.toString();
  const cn = distinct("cn", [name, ...fact.names]);
  const german: Literal = fact.german === null ? {} : { "cn;lang-de": fact.german };
  const members = [...fact.members.map(dn), ...fact.missing.map((one) => `cn=${one} missing,${suffix}`)];
  switch (fact.kind) {
    case "unit":
      return {
        objectClass: ["organizationalUnit"],
        ou: name,
        ...(fact.title === null ? {} : { description: fact.title }),
      };
    case "group":
      return { objectClass: ["groupOfNames"], cn, member: distinct("member", members), ...german };
    case "uniqueGroup":
      return { objectClass: ["groupOfUniqueNames"], cn, uniqueMember: distinct("member", members) };
    case "posixGroup":
      return {
        objectClass: ["posixGroup"],
        cn,
        gidNumber: fact.number,
        memberUid: distinct("uid", [...fact.names, ...fact.missing]),
      };
    default:
      return {
        objectClass:
          fact.kind === "person"
            ? ["inetOrgPerson", "organizationalPerson", "person", "top"]
            : ["inetOrgPerson", "posixAccount"],
        cn,
        sn: fact.sn,
        ...german,
        ...(fact.kind === "account"
          ? { uidNumber: fact.number, gidNumber: "1", homeDirectory: "/", uid: fact.uid ?? "x" }
          : { ...(fact.uid === null ? {} : { uid: fact.uid }), userPassword: "{SSHA}secret" }),
        ...(fact.mail === null ? {} : { mail: fact.mail }),
        ...(fact.title === null ? {} : { title: fact.title }),
        ...(fact.displayName === null ? {} : { displayName: fact.displayName }),
        ...(fact.telephone === null ? {} : { telephoneNumber: fact.telephone }),
        ...(fact.photo === null ? {} : { jpegPhoto: Buffer.from(fact.photo) }),
        ...(fact.seeAlso === null ? {} : { seeAlso: dn(fact.seeAlso) }),
      };
  }
}

/** Values that the attribute's rule tells apart. */
function distinct(attribute: string, values: readonly string[]): string[] {
  const rule = standardSchema.attributeType(attribute)!.equality!;
  return [...new Map(values.map((value) => [rule.normalize(Buffer.from(value), standardSchema), value])).values()];
}

// --- filters

const texts = [
  "cn",
  "sn",
  "uid",
  "displayName",
  "mail",
  "title",
  "name",
  "description",
  "ou",
  "cn;lang-de",
  "commonName",
];
const names = ["member", "uniqueMember", "memberOf", "entryDN", "distinguishedName", "seeAlso", "creatorsName"];
const times = ["createTimestamp", "modifyTimestamp"];
const odd = [
  "jpegPhoto",
  "telephoneNumber",
  "userPassword",
  "nobodyKnowsThis",
  "hasSubordinates",
  "numSubordinates",
  "structuralObjectClass",
  "subschemaSubentry",
  "cn;lang-fr",
  "member;x",
  "dc",
  "o",
];
const rules = [
  "caseExactMatch",
  "caseIgnoreMatch",
  "integerMatch",
  "distinguishedNameMatch",
  "noRule",
  "caseIgnoreOrderingMatch",
];
const classes = [
  "top",
  "person",
  "inetOrgPerson",
  "groupOfNames",
  "posixGroup",
  "organizationalUnit",
  "INETORGPERSON",
  "none",
];

/** Filters of every kind, about the entries of one directory. */
export function filtersAbout(entries: readonly MadeEntry[]): fc.Arbitrary<Filter> {
  const entry = fc.nat().map((n) => entries[n % entries.length]!);
  const name = fc.oneof(
    entry.map(({ dn }) => dn.toString()),
    entry.map(({ dn }) => dn.toString().toUpperCase().replaceAll("ß".toUpperCase(), "ß")),
    fc.constantFrom(`cn=A missing,${suffix}`, "cn=b missing , dc=EXAMPLE,dc=com", "not a name", "", "dc=com"),
  );
  const existing = entry.chain(({ literal }) => fc.constantFrom(...Object.values(literal).flat().map(String)));
  const time = fc.constantFrom(
    "19700101000000Z",
    "19700101000003Z",
    "1970010100Z",
    "19700101000001.5Z",
    "2026",
    "19691231235959Z",
  );
  const uuids = fc.oneof(
    entry.map((one) => uuidText(one.uuid)),
    fc.constantFrom("no uuid", "00000000-aaaa-4aaa-8aaa-abababababac"),
  );
  const text = fc.oneof(word, existing, fc.constantFrom("", " ", "zz", "TRUE", "1"));
  const asserted = fc.oneof(
    { weight: 5, arbitrary: fc.record({ attribute: fc.constantFrom(...texts), value: text }) },
    { weight: 3, arbitrary: fc.record({ attribute: fc.constantFrom(...names), value: name }) },
    { weight: 1, arbitrary: fc.record({ attribute: fc.constant("memberUid"), value: text }) },
    { weight: 2, arbitrary: fc.record({ attribute: fc.constantFrom(...times), value: time }) },
    { weight: 1, arbitrary: fc.record({ attribute: fc.constant("entryUUID"), value: uuids }) },
    {
      weight: 2,
      arbitrary: fc.record({ attribute: fc.constantFrom("uidNumber", "gidNumber"), value: fc.oneof(number, text) }),
    },
    { weight: 2, arbitrary: fc.record({ attribute: fc.constant("objectClass"), value: fc.constantFrom(...classes) }) },
    { weight: 2, arbitrary: fc.record({ attribute: fc.constantFrom(...odd), value: fc.oneof(text, name) }) },
  );
  /** An attribute with a value that it has somewhere. */
  const held = entry.chain(({ literal }) =>
    fc.constantFrom(
      ...Object.entries(literal).flatMap(([attribute, values]) =>
        [values].flat().map((value) => ({ attribute, value: String(value) })),
      ),
    ),
  );
  /** The same, its value cut into parts that it holds. */
  const cut = fc
    .tuple(held, fc.array(fc.nat(), { minLength: 4, maxLength: 4 }), fc.nat(7))
    .map(([{ attribute, value }, places, which]): Filter => {
      const [a, b, c, d] = places.map((place) => place % (value.length + 1)).sort((one, two) => one - two);
      const part = (from?: number, to?: number) => {
        const text = value.slice(from, to);
        return text === "" ? undefined : Buffer.from(text);
      };
      const any = part(b, c);
      return {
        kind: "substrings",
        attribute,
        initial: which & 1 ? part(0, a) : undefined,
        any: which & 2 && any ? [any] : [],
        final: which & 4 ? part(d) : undefined,
      };
    });
  const part = fc.string({ unit: characters, minLength: 1, maxLength: 3 });
  const optional = fc.option(
    part.map((value) => Buffer.from(value)),
    { nil: undefined },
  );
  const assertion: fc.Arbitrary<Filter> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .tuple(
          fc.constantFrom("equality", "equality", "equality", "approx", "greaterOrEqual", "lessOrEqual"),
          fc.oneof(asserted, held),
        )
        .map(([kind, { attribute, value }]) => ({ kind, attribute, value: Buffer.from(value) }) as Filter),
    },
    { weight: 1, arbitrary: asserted.map(({ attribute }): Filter => ({ kind: "present", attribute })) },
    { weight: 4, arbitrary: cut },
    {
      weight: 2,
      arbitrary: fc
        .record({
          attribute: fc.oneof(
            { weight: 4, arbitrary: fc.constantFrom(...texts) },
            asserted.map(({ attribute }) => attribute),
          ),
          initial: optional,
          any: fc.array(
            part.map((value) => Buffer.from(value)),
            { maxLength: 2 },
          ),
          final: optional,
        })
        .map((parts): Filter => ({ kind: "substrings", ...parts })),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({
          asserted,
          named: fc.boolean(),
          rule: fc.option(fc.constantFrom(...rules), { nil: undefined }),
          dnAttributes: fc.boolean(),
        })
        .map(
          ({ asserted: { attribute, value }, named, rule, dnAttributes }): Filter => ({
            kind: "extensible",
            attribute: named || rule === undefined ? attribute : undefined,
            rule,
            value: Buffer.from(value),
            dnAttributes,
          }),
        ),
    },
  );
  return fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { depthSize: "small", maxDepth: 3 },
      { weight: 4, arbitrary: assertion },
      { weight: 1, arbitrary: tie("filter").map((filter): Filter => ({ kind: "not", filter })) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.constantFrom("and", "or"), fc.array(tie("filter"), { maxLength: 3 }))
          .map(([kind, filters]) => ({ kind, filters }) as Filter),
      },
    ),
  })).filter;
}
