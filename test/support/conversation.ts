// One client's conversation with a server, over bytes: requests in few words, answers whole (codes, matched names,
// controls, spelling).

import { BerReader } from "../../src/ber/reader.js";
import { BerWriter } from "../../src/ber/writer.js";
import type { Filter } from "../../src/model/filter.js";
import { parseFilter } from "../../src/model/filter-text.js";
import {
  add,
  and,
  approx,
  type ControlOf,
  compare,
  equality,
  extended,
  extensible,
  greaterOrEqual,
  lessOrEqual,
  modify,
  modifyDn,
  not,
  or,
  type Part,
  pagedResults,
  present,
  RawClient,
  type Response,
  remove,
  responseTags,
  search,
  substrings,
} from "./raw-client.js";
import type { StartedServer } from "./server.js";

export const suffix = "dc=example,dc=com";
export const userDn = (uid: string): string => `uid=${uid},ou=people,${suffix}`;
export const groupDn = (cn: string): string => `cn=${cn},ou=groups,${suffix}`;
export const applicationDn = (name: string): string => `cn=${name},ou=applications,${suffix}`;

const scopes = ["base", "one", "sub", "subordinates"] as const;

export interface Asked {
  readonly base?: string;
  readonly scope?: (typeof scopes)[number];
  readonly filter?: string;
  readonly attributes?: readonly string[];
  readonly sizeLimit?: number;
  readonly timeLimit?: number;
  readonly typesOnly?: boolean;
  readonly aliases?: number;
  readonly controls?: readonly ControlOf[];
}

export interface FoundEntry {
  readonly dn: string;
  /** Values as text; where they are not UTF-8, ask `bytes`. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  readonly bytes: Readonly<Record<string, readonly Buffer[]>>;
}

export interface Answer {
  readonly code: number;
  readonly message: string;
  readonly matchedDn: string;
  readonly controls: Response["controls"];
  readonly entries: readonly FoundEntry[];
  readonly dns: readonly string[];
}

type Value = string | Buffer;
export type Values = Readonly<Record<string, Value | readonly Value[]>>;
export type ChangeOf = readonly ["add" | "delete" | "replace" | "increment", string, ...Value[]];
const modifications = ["add", "delete", "replace", "increment"] as const;

export interface Page extends Answer {
  readonly cookie: Buffer;
}

export class Conversation {
  readonly raw: RawClient;
  #id = 100;

  private constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** Connects; ends with the test. */
  static async with(server: Pick<StartedServer, "port">, localAddress?: string): Promise<Conversation> {
    return new Conversation(await RawClient.connect(server.port, localAddress));
  }

  /** Connects and binds as an application of this name. */
  static async as(name: string, server: Pick<StartedServer, "port">, localAddress?: string): Promise<Conversation> {
    const conversation = await Conversation.with(server, localAddress);
    await conversation.mustBind(applicationDn(name), `${name}-secret`);
    return conversation;
  }

  async bind(dn: string, password: string): Promise<Answer> {
    return answerOf([await this.raw.bind(dn, password, ++this.#id)]);
  }

  async mustBind(dn: string, password: string): Promise<void> {
    const { code, message } = await this.bind(dn, password);
    if (code !== 0) throw new Error(`bind as ${dn}: ${code} ${message}`);
  }

  async bindUser(uid: string): Promise<Answer> {
    return this.bind(userDn(uid), `${uid}-secret`);
  }

  async #ask(message: (id: number) => Buffer): Promise<Answer> {
    const id = ++this.#id;
    this.raw.send(message(id));
    return answerOf(await this.raw.until(id));
  }

  search(asked: Asked = {}): Promise<Answer> {
    const { scope = "sub", filter, ...rest } = asked;
    return this.#ask((id) =>
      search(id, { ...rest, scope: scopes.indexOf(scope), ...(filter ? { filter: filterPart(filter) } : {}) }),
    );
  }

  /** One page; the cookie of its response control, which has to be there. */
  async page(asked: Asked, size: number, cookie: Uint8Array = Buffer.alloc(0), critical = true): Promise<Page> {
    const controls = [...(asked.controls ?? []), pageControl(size, cookie, critical)];
    const answer = await this.search({ ...asked, controls });
    return { ...answer, cookie: cookieOf(answer) };
  }

  /** The entry of this name. */
  async entry(dn: string, attributes: readonly string[] = []): Promise<FoundEntry | undefined> {
    return (await this.search({ base: dn, scope: "base", attributes })).entries[0];
  }

  /** The values of one attribute, in no order. */
  async values(dn: string, attribute: string): Promise<readonly string[]> {
    const found = await this.entry(dn, [attribute]);
    if (!found) throw new Error(`there is no ${dn}`);
    return [...(Object.values(found.attributes)[0] ?? [])].sort();
  }

  compare(dn: string, type: string, value: Value): Promise<Answer> {
    return this.#ask((id) => compare(id, dn, type, value));
  }

  add(dn: string, values: Values): Promise<Answer> {
    const attributes = Object.entries(values).map(([type, value]) => ({ type, values: [value].flat() as Value[] }));
    return this.#ask((id) => add(id, dn, attributes));
  }

  modify(dn: string, ...changes: readonly ChangeOf[]): Promise<Answer> {
    const list = changes.map(([kind, type, ...values]) => ({
      modification: modifications.indexOf(kind),
      type,
      values,
    }));
    return this.#ask((id) => modify(id, dn, list));
  }

  rename(dn: string, newRdn: string, more: { deleteOldRdn?: boolean; newSuperior?: string } = {}): Promise<Answer> {
    return this.#ask((id) => modifyDn(id, dn, { newRdn, ...more }));
  }

  remove(dn: string): Promise<Answer> {
    return this.#ask((id) => remove(id, dn));
  }

  extended(oid: string, value?: string): Promise<Answer> {
    return this.#ask((id) => extended(id, oid, value));
  }

  whoAmI(): Promise<string> {
    return this.raw.whoAmI(++this.#id);
  }
}

function answerOf(responses: readonly Response[]): Answer {
  const { code, message, matchedDn, controls } = responses.at(-1)!;
  const entries = responses
    .filter(({ tag }) => tag === responseTags.entry)
    .map(({ dn, attributes }) => ({
      dn,
      attributes: Object.fromEntries([...attributes].map(([type, values]) => [type, values.map(String)])),
      bytes: Object.fromEntries(attributes),
    }));
  return { code, message, matchedDn, controls, entries, dns: entries.map(({ dn }) => dn) };
}

export function pageControl(size: number, cookie: Uint8Array, critical: boolean): ControlOf {
  const writer = new BerWriter();
  writer.open(0x30);
  writer.integer(size);
  writer.octets(cookie);
  writer.close();
  return { oid: pagedResults, critical, value: writer.copy() };
}

export function cookieOf({ controls, code, message }: Answer): Buffer {
  const value = controls.get(pagedResults);
  if (!value) {
    if (code !== 0) return Buffer.alloc(0);
    throw new Error(`no response control for paged results: ${code} ${message}`);
  }
  const reader = new BerReader(value);
  reader.open(0x30);
  reader.integer();
  return Buffer.from(reader.octets());
}

/** A filter of RFC 4515 as it is sent. */
export function filterPart(text: string): Part {
  return partOf(parseFilter(text));
}

function partOf(filter: Filter): Part {
  switch (filter.kind) {
    case "and":
      return and(...filter.filters.map(partOf));
    case "or":
      return or(...filter.filters.map(partOf));
    case "not":
      return not(partOf(filter.filter));
    case "present":
      return present(filter.attribute);
    case "equality":
      return equality(filter.attribute, filter.value);
    case "approx":
      return approx(filter.attribute, filter.value);
    case "greaterOrEqual":
      return greaterOrEqual(filter.attribute, filter.value);
    case "lessOrEqual":
      return lessOrEqual(filter.attribute, filter.value);
    case "substrings": {
      const { initial, any, final } = filter;
      return substrings(
        filter.attribute,
        ...(initial ? [{ initial }] : []),
        ...any.map((piece) => ({ any: piece })),
        ...(final ? [{ final }] : []),
      );
    }
    case "extensible": {
      const { rule, attribute, value, dnAttributes } = filter;
      return extensible({
        value,
        ...(rule === undefined ? {} : { rule }),
        ...(attribute === undefined ? {} : { attribute }),
        ...(dnAttributes ? { dnAttributes } : {}),
      });
    }
  }
}
