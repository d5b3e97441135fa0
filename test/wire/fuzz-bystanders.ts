// Clients who do nothing wrong while others do. They ask one question after the other, and it is measured how long each
// waits for its answer. One that loses its connection or gets another's answer fails.
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { RawClient, search } from "../support/raw-client.js";

const wiki = { dn: "cn=wiki,ou=applications,dc=example,dc=com", password: "wiki-secret" };
const ben = "uid=ben,ou=people,dc=example,dc=com";
const ofEachKind = 10;
/** Milliseconds from an answer to the next question, so that it is the others who keep the server busy. */
const between = 2;

export class Bystanders {
  /** How long each answer took, in milliseconds. */
  readonly waits: number[] = [];
  readonly #anonymous: readonly RawClient[];
  readonly #bound: readonly RawClient[];
  #id = 1;

  private constructor(anonymous: readonly RawClient[], bound: readonly RawClient[]) {
    this.#anonymous = anonymous;
    this.#bound = bound;
  }

  static async at(port: number): Promise<Bystanders> {
    const connected = () => Promise.all(Array.from({ length: ofEachKind }, () => RawClient.connect(port)));
    const [anonymous, bound] = [await connected(), await connected()];
    for (const client of bound) expect(await client.bind(wiki.dn, wiki.password)).toMatchObject({ code: 0 });
    return new Bystanders(anonymous, bound);
  }

  /** Asks until the work is done, and then all of them once more; gives what the work gives. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    const asked = (async () => {
      while (!isDone) await this.#askAll();
      await this.#askAll();
    })();
    const [outcome] = await Promise.all([done, asked]);
    return outcome;
  }

  async #askAll(): Promise<void> {
    for (const [n, anonymous] of this.#anonymous.entries()) {
      const bound = this.#bound[n]!;
      await this.#measured(async (id) => expect(await anonymous.whoAmI(id)).toBe(""));
      await this.#measured(async (id) => expect(await bound.whoAmI(id)).toBe(`dn:${wiki.dn}`));
      await this.#measured(async (id) => {
        bound.send(search(id, { base: ben, scope: 0, attributes: ["uid"] }));
        expect((await bound.until(id)).map(({ dn, code }) => [dn, code])).toEqual([
          [ben, -1],
          ["", 0],
        ]);
      });
    }
  }

  async #measured(ask: (id: number) => Promise<void>): Promise<void> {
    this.#id = (this.#id % 100_000) + 1;
    const began = performance.now();
    await ask(this.#id);
    this.waits.push(performance.now() - began);
    await pause(between);
  }
}
