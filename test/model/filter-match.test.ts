import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeAttributeList } from "../../src/model/attribute-list.js";
import { Dn } from "../../src/model/dn.js";
import type { Filter } from "../../src/model/filter.js";
import {
  compileFilter,
  type FilterScope,
  type FilterSubject,
  type Match,
  matchFilter,
} from "../../src/model/filter-match.js";
import { parseFilter } from "../../src/model/filter-text.js";
import type { AttributeType } from "../../src/model/schema.js";
import { standardSchema } from "../../src/model/standard-schema.js";

/** Attributes that are computed here, with their values. */
interface Computed {
  readonly [name: string]: readonly string[];
}

const ann = {
  objectClass: ["top", "person", "organizationalPerson", "inetOrgPerson"],
  cn: ["Ann Lee", "Annie"],
  "cn;lang-de": ["Änne"],
  "cn;lang-fr;x-spoken": ["Anne"],
  sn: ["Lee"],
  uid: ["ann"],
  mail: ["ann@Example.com"],
  telephoneNumber: ["+49 30 1234-567"],
  employeeNumber: ["0042"],
  uidNumber: ["7"],
  description: ["a  short   text", "aaa"],
  seeAlso: ["cn=Bob,dc=example,dc=com"],
  jpegPhoto: ["\u0001\u0002"],
  userPassword: ["secret"],
  title: ["Äpfel"],
};

const name = Dn.parse("uid=ann+cn=Ann Lee,ou=People,dc=example,dc=com");

function subject(literal: Readonly<Record<string, readonly string[]>>, computed: Computed = {}): FilterSubject {
  const attributes = Object.entries(literal).map(([description, values]) => ({
    description: standardSchema.describe(description)!,
    values: values.map((value) => Buffer.from(value)),
  }));
  // Something stands before and behind the list, as in a row of the store.
  const list = encodeAttributeList(attributes);
  const bytes = Buffer.concat([Buffer.from("before"), list, Buffer.from("behind")]);
  return {
    bytes,
    attributesStart: 6,
    attributesEnd: 6 + list.length,
    computed: (type) => (computed[type.name] ?? []).map((value) => Buffer.from(value)),
    computedHas: () => undefined,
    computedPresent: () => undefined,
    dn: name,
  };
}

function scopeOf({ computed = {} as Computed, hidden = [] as readonly string[] } = {}): FilterScope {
  return {
    schema: standardSchema,
    isComputed: (type) => computed[type.name] !== undefined,
    isReadable: (type) => !hidden.includes(type.name),
  };
}

const entry = subject(ann);

function matches(filter: string | Filter, scope = scopeOf(), asked = entry): Match {
  const compiled = compileFilter(typeof filter === "string" ? parseFilter(filter) : filter, scope);
  return matchFilter(compiled, asked, standardSchema);
}

/** One line for each filter and what it says of the entry. */
function cases(list: readonly [filter: string, match: Match][]): void {
  test.each(list)("%s is %s", (filter, match) => {
    expect(matches(filter)).toBe(match);
  });
}

describe("three values", () => {
  const text = { t: "(uid=ann)", f: "(uid=bob)", u: "(unknownType=x)" };
  const not = { t: false, f: true, u: undefined } as const;
  const value = { t: true, f: false, u: undefined } as const;

  test.each(["t", "f", "u"] as const)("not %s", (a) => {
    expect(matches(text[a])).toBe(value[a]);
    expect(matches(`(!${text[a]})`)).toBe(not[a]);
  });

  const pairs = (["t", "f", "u"] as const).flatMap((a) => (["t", "f", "u"] as const).map((b) => [a, b] as const));

  test.each(pairs)("%s and, or %s (RFC 4511 4.5.1.7)", (a, b) => {
    const both = [a, b];
    expect(matches(`(&${text[a]}${text[b]})`)).toBe(both.includes("f") ? false : both.includes("u") ? undefined : true);
    expect(matches(`(|${text[a]}${text[b]})`)).toBe(both.includes("t") ? true : both.includes("u") ? undefined : false);
  });

  cases([
    ["(&)", true],
    ["(|)", false],
    ["(!(&))", false],
    ["(&(|)(unknownType=x))", false],
    ["(!(&(uid=ann)(unknownType=x)))", undefined],
    ["(|(uid=ann)(!(unknownType=x)))", true],
  ]);
});

describe("what cannot be decided", () => {
  cases([
    ["(unknownType=*)", undefined],
    ["(uidNumber=seven)", undefined],
    ["(uidNumber>=seven)", undefined],
    ["(seeAlso=not a name)", undefined],
    ["(cn>=a)", undefined], // no ordering rule
    ["(cn<=a)", undefined],
    ["(jpegPhoto=x)", undefined], // no equality rule
    ["(uidNumber=1*)", undefined], // no substrings rule
    ["(uid:noRule:=ann)", undefined],
    ["(unknownType:caseIgnoreMatch:=ann)", undefined],
    ["(uid:caseIgnoreOrderingMatch:=ann)", undefined], // only equality rules are asked by name
    ["(:integerMatch:=ann)", undefined],
  ]);

  test("is a malformed description", () => {
    expect(matches({ kind: "present", attribute: "cn;" })).toBeUndefined();
    expect(matches({ kind: "equality", attribute: "", value: Buffer.from("x") })).toBeUndefined();
  });

  test("is also what one may not read", () => {
    const scope = scopeOf({ hidden: ["userPassword", "sn"] });
    expect(matches("(userPassword=secret)", scope)).toBeUndefined();
    expect(matches("(userPassword=*)", scope)).toBeUndefined();
    expect(matches("(!(sn=Smith))", scope)).toBeUndefined();
    expect(matches("(sn=L*)", scope)).toBeUndefined();
    // Nor through its supertype, its rule, or the name of the entry.
    expect(matches("(name=Lee)", scope)).toBe(false);
    expect(matches("(:caseIgnoreMatch:=Lee)", scope)).toBe(false);
    expect(matches("(:dn:caseIgnoreMatch:=Ann Lee)", scopeOf({ hidden: ["cn", "displayName"] }))).toBe(false);
  });
});

describe("equality", () => {
  cases([
    ["(uid=ANN)", true],
    ["(UserID=ann)", true],
    ["(0.9.2342.19200300.100.1.1=ann)", true],
    ["(uid=an)", false],
    ["(cn= ann   lee )", true],
    ["(cn=annie)", true],
    ["(description=A short text)", true],
    ["(telephoneNumber=+49301234567)", true],
    ["(employeeNumber=42)", false],
    ["(uidNumber=07)", true],
    ["(seeAlso=CN=bob, dc=Example,dc=com)", true],
    ["(title=äPFEL)", true],
    ["(givenName=Ann)", false],
    ["(uid~=ANN)", true],
  ]);
});

describe("presence", () => {
  cases([
    ["(cn=*)", true],
    ["(givenName=*)", false],
    ["(jpegPhoto=*)", true],
    ["(objectClass=*)", true],
    ["(name=*)", true],
  ]);

  test("of the object class needs no look at the entry", () => {
    expect(compileFilter(parseFilter("(objectClass=*)"), scopeOf())).toEqual({ kind: "constant", value: true });
  });
});

describe("options", () => {
  cases([
    ["(cn=Änne)", true],
    ["(cn;lang-de=änne)", true],
    ["(cn;LANG-DE=änne)", true],
    ["(cn;lang-de=Ann Lee)", false],
    ["(cn;lang-fr=Anne)", true],
    ["(cn;x-spoken;lang-fr=Anne)", true],
    ["(cn;x-spoken;lang-de=Anne)", false],
    ["(cn;lang-de=*)", true],
    ["(cn;lang-it=*)", false],
    ["(cn;lang-de=*nne)", true],
    ["(name;lang-de=Änne)", true],
    ["(objectClass;lang-de=*)", false],
  ]);
});

describe("subtypes", () => {
  cases([
    ["(name=Ann Lee)", true],
    ["(name=Lee)", true],
    ["(name=ann)", false], // uid is no name
    ["(name=An*)", true],
    ["(cn=Lee)", false],
  ]);
});

describe("object classes", () => {
  cases([
    ["(objectClass=inetOrgPerson)", true],
    ["(objectClass=2.5.6.6)", true],
    ["(objectClass=groupOfNames)", false],
    ["(objectClass=noSuchClass)", false],
  ]);

  test("are asserted of entries that only have a class below them", () => {
    const short = subject({ objectClass: ["INETORGPERSON"] });
    for (const above of ["top", "person", "organizationalPerson", "inetOrgPerson"]) {
      expect(matches(`(objectClass=${above})`, scopeOf(), short)).toBe(true);
    }
    expect(matches("(objectClass=inetOrgPerson)", scopeOf(), subject({ objectClass: ["person"] }))).toBe(false);
  });
});

describe("ordering", () => {
  cases([
    ["(uidNumber>=7)", true],
    ["(uidNumber<=7)", true],
    ["(uidNumber>=8)", false],
    ["(uidNumber<=-8)", false],
    ["(uidNumber>=-100)", true],
    ["(uidNumber<=10)", true],
    ["(gidNumber>=0)", false],
  ]);

  test("of times is by instant, in any zone", () => {
    const computed = { createTimestamp: ["20260102030405Z"] };
    const asked = subject(ann, computed);
    const scope = scopeOf({ computed });
    expect(matches("(createTimestamp>=20260102030405Z)", scope, asked)).toBe(true);
    expect(matches("(createTimestamp>=20260102040405+0100)", scope, asked)).toBe(true);
    expect(matches("(createTimestamp>=20260102030405.1Z)", scope, asked)).toBe(false);
    expect(matches("(createTimestamp<=20260102030405.1Z)", scope, asked)).toBe(true);
    expect(matches("(createTimestamp<=2026010203Z)", scope, asked)).toBe(false);
    expect(matches("(createTimestamp>=yesterday)", scope, asked)).toBeUndefined();
  });

  test("of integers is that of numbers", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
        fc.bigInt({ min: -1000n, max: 1000n }),
        (a, b) => {
          const asked = subject({ uidNumber: [String(a)] });
          expect(matches(`(uidNumber>=${b})`, scopeOf(), asked)).toBe(a >= b);
          expect(matches(`(uidNumber<=${b})`, scopeOf(), asked)).toBe(a <= b);
        },
      ),
    );
  });
});

describe("substrings", () => {
  cases([
    ["(cn=ann*)", true],
    ["(cn=*LEE)", true],
    ["(cn=a*n*e)", true],
    ["(cn=*n*n*)", true],
    ["(cn=*lee*ann*)", false],
    ["(uid=ann*ann)", false], // the parts may not overlap (RFC 4511 4.5.1.7.2)
    ["(uid=an*nn)", false],
    ["(uid=a*nn)", true],
    ["(uid=an*n)", true],
    ["(uid=ann*)", true],
    ["(description=aa*aa)", false],
    ["(description=aa*a)", true],
    ["(description=a*a*a)", true],
    ["(description=a*a*a*a)", false],
    ["(description=*a*a*a*)", true],
    ["(description=a short*text)", true],
    ["(mail=*@example.COM)", true],
    ["(telephoneNumber=*30123*)", true],
    ["(title=ä*)", true],
    ["(title=*PFEL)", true],
    ["(title=*ä*)", true],
  ]);

  test("match where the parts stand in the value one behind the other", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 7 });
    const part = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 3 });
    const option = fc.option(part, { nil: "" });
    fc.assert(
      fc.property(letters, option, fc.array(part, { maxLength: 3 }), option, (value, initial, any, final) => {
        const buffer = (text: string) => (text === "" ? undefined : Buffer.from(text));
        const filter: Filter = {
          kind: "substrings",
          attribute: "uid",
          initial: buffer(initial),
          any: any.map((one) => Buffer.from(one)),
          final: buffer(final),
        };
        const expected = new RegExp(`^${[initial, ...any, final].join("[ab]*")}$`).test(value);
        const asked = subject({ uid: value === "" ? [] : [value] });
        expect(matches(filter, scopeOf(), asked)).toBe(value !== "" && expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("extensible matching", () => {
  cases([
    ["(uid:=ANN)", true],
    ["(uid:caseExactMatch:=ANN)", false],
    ["(uid:caseExactMatch:=ann)", true],
    ["(uid:2.5.13.5:=ann)", true],
    ["(cn;lang-de:caseExactMatch:=Änne)", true],
    ["(name:caseExactMatch:=Lee)", true],
    ["(:caseIgnoreMatch:=LEE)", true], // any attribute made for the rule
    ["(:caseExactMatch:=Lee)", false], // none of these attributes is
    ["(:integerMatch:=7)", true],
    ["(:distinguishedNameMatch:=cn=BOB,dc=example,dc=com)", true],
    ["(ou:=people)", false],
    ["(ou:dn:=people)", true],
    ["(ou:dn:=nobody)", false],
    ["(dc:dn:=COM)", true],
    ["(cn:dn:=Ann Lee)", true],
    ["(ou:dn:caseExactMatch:=people)", false],
    ["(ou:dn:caseExactMatch:=People)", true],
    [":dn:caseIgnoreMatch:=people", true],
    [":dn:caseIgnoreMatch:=nobody", false],
    ["(name:dn:=Ann Lee)", true],
    ["(!(ou:dn:=people))", false],
  ]);
});

describe("computed attributes", () => {
  const computed = { memberOf: ["cn=A,dc=example,dc=com"], distinguishedName: [name.toString()], entryUUID: [] };
  const asked = subject(ann, computed);
  const scope = scopeOf({ computed });

  test("are matched by their values", () => {
    expect(matches("(memberOf=cn=a, dc=example,dc=COM)", scope, asked)).toBe(true);
    expect(matches("(memberOf=cn=b,dc=example,dc=com)", scope, asked)).toBe(false);
    expect(matches("(memberOf=*)", scope, asked)).toBe(true);
    expect(matches("(entryUUID=*)", scope, asked)).toBe(false);
    expect(matches("(memberOf;lang-de=*)", scope, asked)).toBe(false);
    expect(matches("(memberOf;lang-de=cn=a,dc=example,dc=com)", scope, asked)).toBe(false);
  });

  test("have no subtypes: distinguishedName is the name of the entry and no other", () => {
    expect(matches(`(distinguishedName=${name})`, scope, asked)).toBe(true);
    expect(matches("(distinguishedName=cn=bob,dc=example,dc=com)", scope, asked)).toBe(false);
  });

  test("are not listed where the answer is known without", () => {
    const known = (has: boolean | undefined): FilterSubject => ({
      ...asked,
      computed: () => {
        throw new Error("listed");
      },
      computedHas: () => has,
      computedPresent: () => has,
    });
    for (const filter of ["(memberOf=cn=a,dc=example,dc=com)", "(memberOf=*)"]) {
      expect(matches(filter, scope, known(true))).toBe(true);
      expect(matches(filter, scope, known(false))).toBe(false);
      expect(() => matches(filter, scope, known(undefined))).toThrow("listed");
    }
  });

  test("of a type that is not computed are never asked for", () => {
    const asking: FilterSubject = {
      ...entry,
      computedHas: (type: AttributeType) => {
        throw new Error(`asked for ${type.name}`);
      },
    };
    expect(matches("(uid=ann)", scope, asking)).toBe(true);
    expect(matches("(name=nobody)", scope, asking)).toBe(false);
  });
});

test("a filter is compiled once and asked of many entries", () => {
  const compiled = compileFilter(parseFilter("(&(objectClass=person)(|(uid=ann)(cn=b*)))"), scopeOf());
  const others = ["ann", "bob", "carl"].map((uid) => subject({ objectClass: ["person"], uid: [uid], cn: [uid] }));
  expect(others.map((other) => matchFilter(compiled, other, standardSchema))).toEqual([true, true, false]);
});
