import { Client } from "ldapts";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Asked,
  applicationDn,
  Conversation,
  cookieOf,
  filterPart,
  pageControl,
  suffix,
  userDn,
} from "../support/conversation.js";
import { responseTags, search } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";

let server: StartedServer;

beforeAll(async () => {
  server = await startedServer({ lasts: "file" });
});

const none: Buffer = Buffer.alloc(0);
const everything: Asked = { filter: "(objectClass=*)", attributes: ["1.1"] };
const people: Asked = { base: `ou=people,${suffix}`, filter: "(uid=*)", attributes: ["uid"] };

/** Every page's names, until the cookie is empty. */
async function walk(client: Conversation, asked: Asked, size: number, critical = true): Promise<string[][]> {
  const pages: string[][] = [];
  let cookie: Buffer = none;
  do {
    const page = await client.page(asked, size, cookie, critical);
    expect(page.code).toBe(0);
    pages.push([...page.dns]);
    cookie = page.cookie;
  } while (cookie.length > 0);
  return pages;
}

describe("a walk over pages", () => {
  test.each([1, 3, 12, 24, 500, 2 ** 31 - 1])("of %i entries finds what the search finds, once", async (size) => {
    const client = await Conversation.as("console", server);
    for (const asked of [
      everything,
      people,
      { ...people, filter: "(cn=*e*)" },
      { ...everything, base: userDn("ann") },
    ]) {
      const all = (await client.search(asked)).dns;
      for (const critical of [true, false]) {
        const pages = await walk(client, asked, size, critical);
        expect(pages.flat()).toEqual(all);
        expect(pages).toHaveLength(Math.ceil(all.length / size));
      }
    }
  });

  test("answers with the control also where all fits in one page or nothing is found", async () => {
    const client = await Conversation.as("console", server);
    const page = await client.page({ ...people, filter: "(uid=nobody)" }, 10);
    expect(page).toMatchObject({ code: 0, entries: { length: 0 }, cookie: none });
  });

  test("with ldapts, as connectors do it", async () => {
    const client = new Client({ url: server.url });
    await client.bind(applicationDn("wiki"), "wiki-secret");
    const { searchEntries } = await client.search(people.base!, { filter: "(uid=*)", paged: { pageSize: 5 } });
    expect(searchEntries).toHaveLength(12);
    const sizes: number[] = [];
    for await (const page of client.searchPaginated(people.base!, { filter: "(uid=*)", paged: { pageSize: 5 } })) {
      sizes.push(page.searchEntries.length);
    }
    expect(sizes).toEqual([5, 5, 2]);
    await client.unbind();
  });

  test("is ended by a page of no entries", async () => {
    const client = await Conversation.as("console", server);
    const { cookie } = await client.page(people, 5);
    expect(await client.page(people, 0, cookie)).toMatchObject({ code: 0, entries: { length: 0 }, cookie: none });
    expect(await client.page(people, 0)).toMatchObject({ code: 0, entries: { length: 0 }, cookie: none });
  });

  test("ends at the size limit, over all pages together", async () => {
    const client = await Conversation.as("console", server);
    const asked = { ...people, sizeLimit: 7 };
    const first = await client.page(asked, 5);
    expect(first).toMatchObject({ code: 0, entries: { length: 5 } });
    const second = await client.page(asked, 5, first.cookie);
    expect(second).toMatchObject({ code: 4, entries: { length: 2 } });
    expect(cookieOf(second)).toEqual(none);
    expect(await client.page({ ...people, sizeLimit: 3 }, 5)).toMatchObject({ code: 4, entries: { length: 3 } });
    expect(await client.page({ ...people, sizeLimit: 5 }, 12)).toMatchObject({ code: 4, entries: { length: 5 } });
  });

  test("gives no more on a page than the server's limit", async () => {
    const small = await startedServer({ limits: { pageSize: 4 } });
    const pages = await walk(await Conversation.as("console", small), people, 1000);
    expect(pages.map(({ length }) => length)).toEqual([4, 4, 4]);
  });

  test("several walks of one connection do not disturb each other", async () => {
    const client = await Conversation.as("console", server);
    const groups: Asked = { base: `ou=groups,${suffix}`, filter: "(objectClass=groupOfNames)", attributes: ["cn"] };
    const found = new Set<string>();
    const walks = [people, groups].map((asked) => ({ asked, cookie: none, isOver: false }));
    while (walks.some(({ isOver }) => !isOver)) {
      for (const walk of walks.filter(({ isOver }) => !isOver)) {
        const page = await client.page(walk.asked, 2, walk.cookie);
        for (const dn of page.dns) {
          expect(found).not.toContain(dn);
          found.add(dn);
        }
        walk.cookie = page.cookie;
        walk.isOver = page.cookie.length === 0;
      }
    }
    expect(found.size).toBe(17);
  });
});

describe("a cookie", () => {
  test("that was not made here, or was changed, is refused", async () => {
    const client = await Conversation.as("console", server);
    const { cookie } = await client.page(people, 5);
    expect(await client.page(people, 5, Buffer.from("invented"))).toMatchObject({ code: 53, entries: [] });
    for (let at = 0; at < cookie.length; at += 5) {
      const changed = Buffer.from(cookie);
      changed[at]! ^= 1;
      expect((await client.page(people, 5, changed)).code).toBe(53);
    }
    expect((await client.page(people, 5, cookie.subarray(1))).code).toBe(53);
    expect((await client.page(people, 5, Buffer.concat([cookie, cookie]))).code).toBe(53);
    expect((await client.page(people, 5, cookie)).code).toBe(0);
  });

  test("of another search is refused, whatever is different", async () => {
    const client = await Conversation.as("console", server);
    const { cookie } = await client.page(people, 5);
    const others: Asked[] = [
      { ...people, base: suffix },
      { ...people, scope: "one" },
      { ...people, filter: "(uid=a*)" },
      { ...people, attributes: ["cn"] },
      { ...people, typesOnly: true },
    ];
    for (const other of others) expect((await client.page(other, 5, cookie)).code).toBe(53);
  });

  test("of another client is refused, and the same client may go on with it on another connection", async () => {
    const client = await Conversation.as("console", server);
    const { cookie, dns } = await client.page(people, 5);
    expect((await (await Conversation.as("wiki", server)).page(people, 5, cookie)).code).toBe(53);
    const again = await Conversation.as("console", server);
    // A walk of its own under the same number must not be taken for that of the cookie.
    await again.page({ ...people, filter: "(uid=l*)" }, 5);
    await again.page(people, 1);
    const second = await again.page(people, 7, cookie);
    expect(new Set([...dns, ...second.dns]).size).toBe(12);
  });

  test("used a second time gives the same page again", async () => {
    const client = await Conversation.as("console", server);
    for (const asked of [people, everything]) {
      const first = await client.page(asked, 3);
      const second = await client.page(asked, 3, first.cookie);
      const third = await client.page(asked, 3, second.cookie);
      expect((await client.page(asked, 3, first.cookie)).dns).toEqual(second.dns);
      expect((await client.page(asked, 3, second.cookie)).dns).toEqual(third.dns);
      const both = [7, 8].map((id) => {
        const { scope: _, filter, ...more } = asked;
        return search(id, { ...more, filter: filterPart(filter!), controls: [pageControl(3, third.cookie, true)] });
      });
      client.raw.send(...both);
      const found = [await client.raw.next()];
      while (found.filter((response) => response?.tag === responseTags.searchDone).length < 2) {
        found.push(await client.raw.next());
      }
      const dnsOf = (id: number) => found.filter((one) => one?.id === id).map((one) => one?.dn);
      expect(dnsOf(7)).toEqual(dnsOf(8));
    }
  });

  test("a control that holds no page request is a protocolError", async () => {
    const client = await Conversation.as("console", server);
    const ask = async (value: Uint8Array | undefined) =>
      (await client.search({ ...people, controls: [{ ...pageControl(5, none, true), ...(value ? { value } : {}) }] }))
        .code;
    expect(await ask(Buffer.from([0x30, 0x00]))).toBe(2);
    expect(await ask(Buffer.from("nonsense"))).toBe(2);
    expect(await ask(none)).toBe(2);
    expect((await client.page(people, -1)).code).toBe(2);
  });
});

describe("what others write", () => {
  const add = (client: Conversation, uid: string) =>
    client.add(userDn(uid), { objectClass: "inetOrgPerson", uid, cn: uid, sn: uid });

  test.each([
    ["a search that an index answers", people],
    ["a search over everything", everything],
  ])("is not seen by %s, which stays at the moment where it began", async (_, asked) => {
    const own = await startedServer();
    const [client, writer] = [await Conversation.as("console", own), await Conversation.as("wiki", own)];
    const before = (await client.search(asked)).dns;
    const first = await client.page(asked, 4);
    expect(await add(writer, "new")).toMatchObject({ code: 0 });
    expect(await writer.remove(userDn("leo"))).toMatchObject({ code: 0 });
    expect(await writer.rename(userDn("hugo"), "uid=hugh")).toMatchObject({ code: 0 });
    const found = [...first.dns];
    for (let { cookie } = first; cookie.length > 0; ) {
      const page = await client.page(asked, 4, cookie);
      found.push(...page.dns);
      ({ cookie } = page);
    }
    expect(found).toEqual(before);
  });

  test("is seen where the walk's moment was given up: it goes on with the present, behind where it stood", async () => {
    const own = await startedServer({ limits: { pagedSearches: 1 } });
    const [client, writer] = [await Conversation.as("console", own), await Conversation.as("wiki", own)];
    for (const asked of [people, everything]) {
      const first = await client.page(asked, 4);
      await client.page({ ...people, filter: "(cn=*)" }, 1); // the one walk that may be open is this one now
      expect(await add(writer, "new")).toMatchObject({ code: 0 });
      const found = [...first.dns];
      for (let { cookie } = first; cookie.length > 0; ) {
        const page = await client.page(asked, 4, cookie);
        found.push(...page.dns);
        ({ cookie } = page);
      }
      expect(found).toContain(userDn("new"));
      expect(new Set(found)).toEqual(new Set((await client.search(asked)).dns));
      expect(found).toHaveLength(new Set(found).size);
      expect(await writer.remove(userDn("new"))).toMatchObject({ code: 0 });
    }
  });

  test("a moment is given up after its time, and the walk goes on", async () => {
    const own = await startedServer({ limits: { pagedSearchTime: 1 } });
    const client = await Conversation.as("console", own);
    expect((await walk(client, people, 1)).flat()).toHaveLength(12);
  });

  test("a walk is given up by a bind, and by the end of its connection", async () => {
    const own = await startedServer();
    const client = await Conversation.as("console", own);
    const { cookie } = await client.page(people, 4);
    await client.mustBind(applicationDn("console"), "console-secret");
    expect((await client.page(people, 20, cookie)).dns).toHaveLength(8);
    const { cookie: left } = await client.page(people, 4);
    client.raw.socket.destroy();
    await client.raw.closed;
    expect((await (await Conversation.as("console", own)).page(people, 20, left)).dns).toHaveLength(8);
  });
});
