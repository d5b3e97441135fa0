// What a view hides does not exist: no answer tells two directories apart that differ only in what is hidden. Each probe
// is asked of both, and has to be answered by the same bytes. Not compared are cookies, which hold positions, and time.
//
// Two answers may tell, and are asked at the end of each pair: that a name is taken, of who wants to give it to an entry,
// and that something stands below an entry, of who wants to delete it.
//
// NON_DISCLOSURE_SEED repeats a run, NON_DISCLOSURE_PAIRS makes it longer.
import { expect, test } from "vitest";
import { ApplicationRegistry } from "../../src/access/application.js";
import { ApplicationMirror } from "../../src/access/application-mirror.js";
import { ComputedAttributes } from "../../src/access/computed-attributes.js";
import type { Directory } from "../../src/access/directory.js";
import { Permissions, type Subject } from "../../src/access/permissions.js";
import { View } from "../../src/access/view.js";
import { Authenticator } from "../../src/auth/authenticator.js";
import { BerReader } from "../../src/ber/reader.js";
import { BerWriter } from "../../src/ber/writer.js";
import { Dn, Rdn } from "../../src/model/dn.js";
import { LdapError } from "../../src/model/failure.js";
import type { Filter } from "../../src/model/filter.js";
import { filterToString } from "../../src/model/filter-text.js";
import { defaultLimits } from "../../src/model/limits.js";
import type { AnsweredRequest } from "../../src/model/message.js";
import { type Answered, type Answers, type Result, type SearchRequest, scopes } from "../../src/model/message.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import type { Context } from "../../src/operations/context.js";
import { perform } from "../../src/operations/operations.js";
import { PageWalks } from "../../src/operations/page-walks.js";
import { PasswordHasher } from "../../src/passwords/hasher.js";
import { uuidText } from "../../src/store/entry-row.js";
import type { LevelStore } from "../../src/store/level-store.js";
import { randomFrom } from "../support/random.js";
import { pagedResults } from "../support/raw-client.js";
import { closeStore, faultsOf, suffix } from "../support/store.js";
import {
  Chance,
  Eyes,
  ghosts,
  type Look,
  lookOf,
  type Model,
  modelOf,
  now,
  storeOf,
  twinOf,
  uuidOf,
  words,
  wordTypes,
} from "./twins.js";

const seed = Number(process.env.NON_DISCLOSURE_SEED ?? Math.floor(Math.random() * 1e9));
const pairs = Number(process.env.NON_DISCLOSURE_PAIRS ?? 90);
const probesOfPair = 620;

/** One of the two directories, as the session sees it. */
class Side {
  readonly store: LevelStore;
  readonly #context: Context;

  constructor(store: LevelStore, look: Look, subject: Subject) {
    this.store = store;
    const applications = new ApplicationRegistry(suffix, standardSchema, [look.application.settings]);
    const computed = new ComputedAttributes(standardSchema);
    const clock = () => now;
    const mirror = new ApplicationMirror(applications, standardSchema, now);
    const directory: Directory = { store, applications, mirror, computed, clock };
    const limits = defaultLimits;
    this.#context = {
      services: { directory, applications, authenticator: new Authenticator(hasher), limits, clock },
      caller: {
        channel: { kind: "plain", address: "127.0.0.1" },
        subject,
        application: look.application,
        walks: new PageWalks(limits),
        inFlight: 0,
        limits,
        isConnectionOf: () => false,
        become() {},
        cancel: () => ({ code: "noSuchOperation" }),
        beginTls() {},
      },
      view: new View(directory, new Permissions(subject, standardSchema, computed)),
      trail: {},
      cancellation: { canceled: false },
    };
  }

  close(): void {
    this.#context.caller.walks.endAll();
  }

  async ask(request: AnsweredRequest): Promise<Heard> {
    const parts: Buffer[] = [];
    let result: Result;
    try {
      const answer: Answered | Answers = await perform(request, this.#context);
      if ("code" in answer) {
        if (answer.entries) parts.push(...cut(answer.entries));
        result = answer;
      } else {
        let next = await answer.next();
        for (; !next.done; next = await answer.next()) parts.push(...cut(next.value));
        result = next.value;
      }
    } catch (error) {
      if (!(error instanceof LdapError)) throw error;
      result = { code: error.code, message: error.message, matchedDn: error.matchedDn ?? "" };
    }
    const { code, message = "", matchedDn = "" } = result;
    return {
      code,
      message,
      matchedDn,
      entries: parts.map((bytes) => bytes.toString("latin1")),
      cookie: cookieIn(result),
    };
  }
}

interface Heard {
  readonly code: string;
  readonly message: string;
  readonly matchedDn: string;
  readonly entries: readonly string[];
  readonly cookie: Buffer | undefined;
}

function cut({ bytes, ends }: { bytes: Buffer; ends: readonly number[] }): Buffer[] {
  return ends.map((end, n) => Buffer.from(bytes.subarray(ends[n - 1] ?? 0, end)));
}

function cookieIn({ controls }: Result): Buffer | undefined {
  const value = controls?.find(({ oid }) => oid === pagedResults)?.value;
  if (!value) return undefined;
  const reader = new BerReader(value);
  reader.open(0x30);
  reader.integer();
  return Buffer.from(reader.octets());
}

/** A name that chance gives to each new entry, another in each directory. */
const newUuid = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g;

/** What has to be the same. */
function said({ code, message, matchedDn, entries, cookie }: Heard): string {
  return JSON.stringify({ code, message, matchedDn, entries, more: cookie && cookie.length > 0 }).replace(
    newUuid,
    "new",
  );
}

/** Two answers from a little before where they part. */
function parting(one: string, other: string): readonly [string, string] {
  let at = 0;
  while (one[at] === other[at]) at++;
  const from = Math.max(0, at - 200);
  return [one.slice(from, at + 200), other.slice(from, at + 200)];
}

let hasher: PasswordHasher;

// --- probes

const attributes = [
  ...wordTypes,
  ...["uid", "cn", "sn", "name", "telephoneNumber", "departmentNumber", "seeAlso", "nsAccountLock", "ou", "uidNumber"],
  ...["createTimestamp", "modifyTimestamp", "creatorsName", "modifiersName", "structuralObjectClass"],
  ...["hasSubordinates", "numSubordinates", "entryUUID", "entryDN", "distinguishedName", "objectClass"],
  ...[
    "member",
    "member",
    "uniqueMember",
    "memberUid",
    "memberUid",
    "memberOf",
    "memberOf",
    "userPassword",
    "subschemaSubentry",
  ],
];
const nameTypes = [
  "member",
  "uniqueMember",
  "memberOf",
  "entryDN",
  "distinguishedName",
  "seeAlso",
  "creatorsName",
  "modifiersName",
];
const requested = [
  [],
  ["*", "+"],
  ["*"],
  ["1.1"],
  ["member", "memberOf"],
  ["memberUid", "cn"],
  ["+"],
  ["title", "name", "hasSubordinates"],
];

/** Makes up what is asked: of names and values of both directories alike. */
class Questions {
  readonly #chance: Chance;
  readonly #names: readonly string[];
  readonly #uids: readonly string[];
  /** What has classes that can be taken away. */
  readonly #posix: readonly string[];
  #fresh = 0;
  #isInBranch = false;

  constructor(chance: Chance, one: Model, other: Model) {
    this.#chance = chance;
    const all = [...one.values(), ...other.values()];
    this.#posix = all
      .filter(({ values }) => values.objectClass?.some((name) => name.startsWith("posix")))
      .map(({ dn }) => dn);
    const missing = [
      `cn=missing,ou=people,${suffix}`,
      `ou=applications,${suffix}`,
      `ou=new,${suffix}`,
      `cn=looker,ou=applications,${suffix}`,
    ];
    this.#names = [...new Set([...all.map(({ dn }) => dn), ...ghosts, ...missing])];
    this.#uids = [...new Set(all.flatMap(({ values }) => values.uid ?? [])), "ghost1"];
  }

  /** Names of the application's own branch in the place of those of the shared tree, for one question. */
  #spelled(name: string): string {
    const end = `,${suffix}`;
    if (!this.#isInBranch || !name.endsWith(end) || name.endsWith(`ou=applications${end}`)) return name;
    return `${name.slice(0, -end.length)},${branch}`;
  }

  name(): string {
    return this.#chance.is(0.03) ? "no name" : this.#spelled(this.#chance.of(this.#names));
  }

  dn(): Dn {
    const dn = Dn.parse(this.#spelled(this.#chance.of([...this.#names, ...(this.#isInBranch ? [branch] : [])])));
    return this.#chance.is(0.04) ? dn.child(Rdn.parse("cn=below")) : dn;
  }

  value(type: string): Buffer {
    const chance = this.#chance;
    if (nameTypes.includes(type)) return Buffer.from(this.name());
    if (type === "memberUid" || type === "uid") return Buffer.from(chance.of(this.#uids));
    if (type === "entryUUID") return Buffer.from(uuidText(uuidOf(chance.of(this.#names))));
    if (type === "hasSubordinates") return Buffer.from(chance.of(["TRUE", "FALSE"]));
    if (type.endsWith("Timestamp")) return Buffer.from(chance.of(["20260102000000Z", "20250102000000Z"]));
    if (type === "objectClass")
      return Buffer.from(chance.of(["person", "groupOfNames", "posixAccount", "organizationalUnit", "top"]));
    if (type === "departmentNumber") return Buffer.from(chance.of(["sales", "hr"]));
    return Buffer.from(chance.of([...words, "1", "+1 2", "TRUE", "sales", "open0", "shut1", "people"]));
  }

  filter(depth = 0): Filter {
    const chance = this.#chance;
    const turn = chance.below(depth > 2 ? 10 : 16);
    const attribute = chance.of(attributes);
    const value = this.value(attribute);
    // The numbers of new entries are drawn at random, so what stands before or behind another is not to be compared.
    if (attribute === "entryUUID" && turn < 9) return { kind: "equality", attribute, value };
    if (turn >= 13) return { kind: "not", filter: this.filter(depth + 1) };
    if (turn >= 10) {
      const filters = Array.from({ length: 1 + chance.below(3) }, () => this.filter(depth + 1));
      return { kind: chance.of(["and", "or"] as const), filters };
    }
    if (turn === 9) {
      const rule = chance.of([undefined, "caseIgnoreMatch", "distinguishedNameMatch"]);
      const named = rule === undefined || chance.is(0.5);
      return {
        kind: "extensible",
        rule,
        attribute: named ? attribute : undefined,
        value,
        dnAttributes: chance.is(0.5),
      };
    }
    if (turn === 8) return { kind: chance.of(["greaterOrEqual", "lessOrEqual", "approx"] as const), attribute, value };
    if (turn === 7) return { kind: "substrings", attribute, initial: value.subarray(0, 2), any: [], final: undefined };
    return turn >= 5 ? { kind: "present", attribute } : { kind: "equality", attribute, value };
  }

  search(): SearchRequest {
    const chance = this.#chance;
    return {
      ...message,
      operation: "search",
      base: chance.is(0.5) ? suffix : this.dn(),
      scope: chance.of(scopes),
      sizeLimit: chance.is(0.2) ? 1 + chance.below(4) : 0,
      timeLimit: 0,
      typesOnly: chance.is(0.1),
      filter: chance.is(0.2) ? { kind: "present", attribute: "objectClass" } : this.filter(),
      attributes: chance.of(requested),
    };
  }

  compare(): AnsweredRequest {
    const type = this.#chance.of(attributes.filter((one) => one !== "userPassword"));
    return { ...message, operation: "compare", dn: this.dn(), type, value: this.value(type) };
  }

  /** Classes that come and go, with what they ask for: hidden values and members may stand in the way. */
  reclass(): AnsweredRequest {
    const chance = this.#chance;
    const [modification, ...types] = chance.of([
      ["add", "posixGroup", "gidNumber"],
      ["delete", "posixGroup", "gidNumber"],
      ["delete", "posixAccount", "uidNumber", "gidNumber", "homeDirectory"],
      ["add", "posixAccount", "uidNumber", "gidNumber", "homeDirectory"],
      ["delete", "inetOrgPerson"],
      ["add", "extensibleObject"],
      ["delete", "extensibleObject"],
    ] as const);
    const dn = chance.is(0.8) && this.#posix.length > 0 ? Dn.parse(chance.of(this.#posix)) : this.dn();
    const values = (type: string) => (type === "homeDirectory" ? "/" : "1");
    const changes = types.map((type, n) =>
      n === 0
        ? { type: "objectClass", modification, values: [Buffer.from(type)] }
        : { type, modification, values: modification === "add" ? [Buffer.from(values(type))] : [] },
    );
    return { ...message, operation: "modify", dn, changes: chance.is(0.8) ? changes : changes.slice(0, 1) };
  }

  modify(): AnsweredRequest {
    const chance = this.#chance;
    if (chance.is(0.2)) return this.reclass();
    const changes = Array.from({ length: 1 + chance.below(2) }, () => {
      const type = chance.of([
        ...wordTypes,
        "telephoneNumber",
        "seeAlso",
        "member",
        "member",
        "member",
        "memberUid",
        "uniqueMember",
        "objectClass",
        "departmentNumber",
        "nsAccountLock",
      ]);
      const modification = chance.of(["add", "delete", "replace"] as const);
      const values = Array.from({ length: chance.below(3) }, () => this.value(type));
      return {
        type,
        modification,
        values: values.filter((one, n) => values.findIndex((other) => other.equals(one)) === n),
      };
    });
    return { ...message, operation: "modify", dn: this.dn(), changes };
  }

  add(dn?: Dn): AnsweredRequest {
    const chance = this.#chance;
    const name = `fresh${++this.#fresh}`;
    const values = (type: string, ...of: readonly (string | Buffer)[]) => ({
      type,
      values: of.map((one) => Buffer.from(one)),
    });
    if (dn ? dn.rdn!.toString().startsWith("uid=") : chance.is(0.5)) {
      const own = dn ?? this.dn().child(Rdn.parse(`uid=${name}`));
      const more = chance
        .some([...wordTypes, "departmentNumber", "telephoneNumber"], 0.3)
        .map((type) => values(type, this.value(type)));
      const uid = own.rdn!.assertions[0]!.value;
      const attributes = [
        values("objectClass", "inetOrgPerson"),
        values("uid", uid),
        values("cn", "red"),
        values("sn", "x"),
        ...more,
      ];
      return { ...message, operation: "add", dn: own, attributes };
    }
    const own = dn ?? this.dn().child(Rdn.parse(`${chance.of(["cn=open", "cn=shut"])}${name}`));
    const members = [this.value("member"), this.value("member")].filter((one) => one.includes("="));
    const attributes = [values("objectClass", "groupOfNames"), values("cn", own.rdn!.assertions[0]!.value)];
    return {
      ...message,
      operation: "add",
      dn: own,
      attributes: chance.is(0.5) ? [...attributes, values("member", ...members.slice(0, 1))] : attributes,
    };
  }

  rename(
    newRdn = Rdn.parse(`${this.#chance.of(["uid=", "cn=open", "cn=shut", "ou="])}fresh${++this.#fresh}`),
  ): AnsweredRequest {
    const newSuperior = this.#chance.is(0.4) ? this.dn() : undefined;
    return {
      ...message,
      operation: "modifyDn",
      dn: this.dn(),
      newRdn,
      deleteOldRdn: this.#chance.is(0.5),
      newSuperior,
    };
  }

  remove(): AnsweredRequest {
    return { ...message, operation: "delete", dn: this.dn() };
  }

  /** Of what the directories hold now, besides what is asked again and again. */
  next(): AnsweredRequest {
    this.#isInBranch = this.#chance.is(0.25);
    const turn = this.#chance.below(100);
    if (turn < 62) return this.search();
    if (turn < 80) return this.compare();
    if (turn < 93) return this.modify();
    if (turn < 96) return this.add();
    return this.rename();
  }
}

const branch = `cn=looker,ou=applications,${suffix}`;

const message = { id: 1, controls: [] } as const;

/** A Buffer on its way into JSON. */
function isBytes(value: unknown): value is { data: number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer" && "data" in value;
}

function described(request: AnsweredRequest): string {
  const shown = (_: string, value: unknown) => (isBytes(value) ? Buffer.from(value.data).toString() : value);
  const plain = Object.fromEntries(
    Object.entries(request).map(([key, value]) => [
      key,
      value instanceof Dn || value instanceof Rdn ? `${value}` : value,
    ]),
  );
  if (request.operation === "search") plain.filter = filterToString(request.filter);
  return JSON.stringify(plain, shown);
}

/** Every page of a search, as it comes. */
async function walk(side: Side, request: SearchRequest, size: number): Promise<string[]> {
  const pages: string[] = [];
  let cookie: Buffer | undefined = Buffer.alloc(0);
  do {
    const writer = new BerWriter();
    writer.open(0x30);
    writer.integer(size);
    writer.octets(cookie);
    writer.close();
    const page = await side.ask({
      ...request,
      controls: [{ oid: pagedResults, critical: true, value: writer.copy() }],
    });
    pages.push(said(page));
    cookie = page.cookie;
  } while (cookie && cookie.length > 0 && pages.length < 100);
  return pages;
}

/** The answers that may differ: what stands in the way of one of them and not of the other. */
const standingInTheWay: readonly string[] = ["entryAlreadyExists", "notAllowedOnNonLeaf"];

test("no answer tells apart two directories that differ only in what is hidden", { timeout: 240_000 }, async () => {
  hasher = new PasswordHasher({ cost: 4, queue: 8 });
  const chance = new Chance(randomFrom(seed));
  const told = `NON_DISCLOSURE_SEED=${seed}`;
  console.info(told);
  const began = performance.now();
  let probes = 0;
  const codes = new Map<string, number>();
  for (let pair = 0; pair < pairs; pair++) {
    const model = modelOf(chance);
    const look = lookOf(chance);
    const user = chance.is(0.25) ? chance.of([...model.values()].filter(({ kind }) => kind === "user")).dn : undefined;
    const eyes = new Eyes(look, user);
    const twin = twinOf(model, eyes, chance, look.application.settings.view!.nestedGroups);
    if (user !== undefined && !twin.has(user)) continue;
    expect([...eyes.sees(twin)].sort(), "the directories made up").toEqual([...eyes.sees(model)].sort());
    const sides: Side[] = [];
    const isInBranch = chance.is(0.5);
    for (const one of [model, twin]) {
      const store = await storeOf(one);
      sides.push(new Side(store, look, await subjectOf(store, look, user, isInBranch)));
    }
    const [one, other] = sides as [Side, Side];
    const questions = new Questions(chance, model, twin);
    const history: string[] = [];
    const compareAnswers = (asked: string, first: string, second: string) => {
      if (first === second) return;
      const [expected, found] = parting(first, second);
      const story = [told, `pair ${pair}`, look.yaml, user ?? "the application", ...history.slice(-12), asked];
      expect(found, story.join("\n")).toBe(expected);
    };
    for (let n = 0; n < probesOfPair; n++) {
      const request = questions.next();
      probes++;
      if (request.operation === "search" && chance.is(0.1)) {
        const size = 1 + chance.below(3);
        const pages = [await walk(one, request, size), await walk(other, request, size)] as const;
        compareAnswers(`in pages of ${size}: ${described(request)}`, pages[0].join("\n"), pages[1].join("\n"));
        continue;
      }
      const answer = await one.ask(request);
      codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1);
      if (!["search", "compare"].includes(request.operation)) history.push(`${described(request)} -> ${answer.code}`);
      compareAnswers(described(request), said(answer), said(await other.ask(request)));
    }
    // What may tell of what stands in the way tells of nothing else, and leaves nothing behind where it does.
    for (let n = 0; n < 40; n++) {
      const request = chance.of([
        () => questions.remove(),
        () => questions.add(questions.dn()),
        () => questions.rename(chance.of([questions.dn()]).rdn ?? Rdn.parse("cn=x")),
      ])();
      probes++;
      const answers = [await one.ask(request), await other.ask(request)] as const;
      if (answers.some(({ code }) => standingInTheWay.includes(code)) && answers[0].code !== answers[1].code) {
        expect(answers.map(({ code }) => code).filter((code) => !standingInTheWay.includes(code))).toHaveLength(1);
        break;
      }
      compareAnswers(described(request), said(answers[0]), said(answers[1]));
      history.push(`${described(request)} -> ${answers[0].code}`);
    }
    for (const side of sides) {
      side.close();
      expect(await faultsOf(side.store)).toEqual([]);
      await closeStore(side.store);
    }
  }
  await hasher.close();
  const seconds = (performance.now() - began) / 1000;
  console.info(`${probes} probes in ${seconds.toFixed(1)} s: ${JSON.stringify(Object.fromEntries(codes))}`);
  if (process.env.NON_DISCLOSURE_PAIRS === undefined) expect(probes).toBeGreaterThan(50_000);
});

async function subjectOf(
  store: LevelStore,
  { application, subject }: Look,
  user: string | undefined,
  isInBranch: boolean,
): Promise<Subject> {
  if (user === undefined) return subject;
  const reading = store.read();
  try {
    return { kind: "user", id: reading.resolve(Dn.parse(user))!, dn: user, applications: [application], isInBranch };
  } finally {
    reading.release();
  }
}
