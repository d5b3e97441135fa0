// SASL binds on the real server: PLAIN where nobody can read along, EXTERNAL on the Unix socket, and nothing else.

import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { type TestCertificates, testCertificates } from "../support/certificates.js";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";

const wiki = "cn=wiki,ou=applications,dc=example,dc=com";
const ben = "uid=ben,ou=people,dc=example,dc=com";
const administrator = "cn=administrator,cn=external,cn=auth";

let made: Promise<TestCertificates> | undefined;

async function started(): Promise<{ server: StartedServer; client: RawClient }> {
  made ??= testCertificates();
  const { server: pair, ca } = await made;
  const server = await startedServer({
    listen: ["ldaps://127.0.0.1:0", "ldap://127.0.0.1:0"],
    server: `tls: ${JSON.stringify(pair)}`,
  });
  const client = await RawClient.connectTls(server.port, { ca: await readFile(ca) });
  return { server, client };
}

const plain = (id: number, name: string, password: string, actAs = "") =>
  send.saslBind(id, "PLAIN", `${actAs}\0${name}\0${password}`);

const audited = ({ log }: StartedServer) => log.flatMap(({ audit }) => (audit ? [audit] : []));

describe("PLAIN under TLS", () => {
  test.each([
    ["an application by its name", "wiki", "wiki-secret", wiki],
    ["an application by its name in other letters", "WIKI", "wiki-secret", wiki],
    ["an application by its DN", wiki, "wiki-secret", wiki],
    ["an application by dn: and its DN", `dn:${wiki}`, "wiki-secret", wiki],
    ["a user by uid", "ben", "ben-secret", ben],
    ["a user by DN", ben, "ben-secret", ben],
  ])("lets in %s", async (_, name, password, dn) => {
    const { client } = await started();
    client.send(plain(1, name, password), send.whoAmI(2));
    expect(await client.result(1)).toMatchObject({ code: 0 });
    expect((await client.result(2)).responseValue?.toString()).toBe(`dn:${dn}`);
  });

  test.each([
    ["a wrong password of an application", "wiki", "wrong"],
    ["a wrong password of a user", "ben", "wrong"],
    ["a name that nobody has", "nobody", "x"],
    ["a DN that nobody has", "uid=nobody,ou=people,dc=example,dc=com", "x"],
    ["an application's DN that none has", "cn=nobody,ou=applications,dc=example,dc=com", "x"],
    ["a group's name", "staff", "x"],
  ])("refuses %s in the same words", async (_, name, password) => {
    const { client } = await started();
    client.send(plain(1, "wiki", "wiki-secret"), plain(2, name, password), send.whoAmI(3));
    expect(await client.result(2)).toMatchObject({ code: 49, message: "the name or the password is wrong" });
    expect((await client.result(3)).responseValue).toHaveLength(0);
  });

  test("takes a name to act as where it means the same, and no other", async () => {
    const { client, server } = await started();
    client.send(
      plain(1, "wiki", "wiki-secret", "u:wiki"),
      plain(2, wiki, "wiki-secret", `dn:${wiki.toUpperCase()}`),
      plain(3, "wiki", "wiki-secret", "ben"),
      plain(4, wiki, "wiki-secret", `dn:${ben}`),
    );
    const answers = await client.until(4);
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 49, 49]);
    expect(audited(server).at(-1)).toMatchObject({ rule: "nobody may act as somebody else", detail: `dn:${ben}` });
  });

  test.each([
    ["nothing", ""],
    ["no NUL", "wiki"],
    ["one NUL", "wiki\0wiki-secret"],
    ["three NULs", "\0wiki\0wiki\0secret"],
    ["no name", "\0\0wiki-secret"],
    ["no password", "\0wiki\0"],
    ["a name as long as a message", `\0${"x".repeat(100_000)}\0secret`],
  ])("answers credentials of %s with a protocolError", async (_, credentials) => {
    const { client } = await started();
    client.send(send.saslBind(1, "PLAIN", credentials), send.whoAmI(2));
    expect(await client.result(1)).toMatchObject({ code: 2 });
    expect(await client.result(2)).toMatchObject({ code: 0 });
  });

  test("never shows the password, in no log and no audit line", async () => {
    const { client, server } = await started();
    client.send(plain(1, "wiki", "a-wrong-secret"), send.saslBind(2, "PLAIN", "\0a-wrong-secret"), send.whoAmI(3));
    await client.result(3);
    expect(JSON.stringify(server.log)).not.toContain("a-wrong-secret");
  });
});

test("a uid that several users have lets in the one that an application sees, and where it sees several, none", async () => {
  const { server, client } = await started();
  const admin = await RawClient.connectTls(server.port, { ca: await readFile((await made!).ca) });
  await admin.bind("cn=console,ou=applications,dc=example,dc=com", "console-secret");
  admin.send(
    send.add(2, "uid=ben,ou=groups,dc=example,dc=com", [
      { type: "objectClass", values: ["inetOrgPerson"] },
      { type: "cn", values: ["Another Ben"] },
      { type: "sn", values: ["Ben"] },
      { type: "userPassword", values: ["another-secret"] },
    ]),
  );
  expect(await admin.result(2)).toMatchObject({ code: 0 });
  // Through wiki, which lets in everybody, either could be meant; tracker lets in one of them, and says which.
  client.send(plain(1, "ben", "ben-secret"), plain(2, "ben", "another-secret"), send.whoAmI(3));
  const answers = await client.until(3);
  expect(answers.map(({ code }) => code)).toEqual([0, 49, 0]);
});

describe("in the clear", () => {
  test("PLAIN is not supported, nor offered, and no password is looked at", async () => {
    const { server } = await started();
    const client = await RawClient.connect(server.portOf(1));
    client.send(plain(1, "wiki", "wiki-secret"), send.search(2, { base: "", scope: 0 }));
    expect(await client.result(1)).toMatchObject({ code: 7, message: expect.stringContaining("TLS") });
    const [entry] = await client.until(2);
    expect(entry?.attributes.has("supportedSASLMechanisms")).toBe(false);
  });
});

test.each(["GSSAPI", "DIGEST-MD5", "SCRAM-SHA-256", "plain", "", "A".repeat(1000)])(
  "the mechanism %j is answered with 7, and the session is nobody's",
  async (mechanism) => {
    const { client } = await started();
    client.send(plain(1, "wiki", "wiki-secret"), send.saslBind(2, mechanism, "x"), send.whoAmI(3));
    const answer = await client.result(2);
    expect(answer).toMatchObject({ code: 7 });
    expect(answer.message.length).toBeLessThan(300);
    expect((await client.result(3)).responseValue).toHaveLength(0);
  },
);

describe("on the Unix socket", () => {
  async function local(): Promise<{ server: StartedServer; client: RawClient }> {
    const server = await startedServer({ listen: ["ldapi://gatehouse.sock"] });
    const socket = connect(decodeURIComponent(server.url.replace("ldapi://", "")));
    await new Promise((resolve) => socket.once("connect", resolve));
    return { server, client: RawClient.over(socket) };
  }

  test("whoever comes is the local administrator: without a bind, by an anonymous one, and by EXTERNAL", async () => {
    const { client, server } = await local();
    client.send(
      send.whoAmI(1),
      send.bind(2, "", ""),
      send.whoAmI(3),
      send.saslBind(4, "EXTERNAL", ""),
      send.whoAmI(5),
      send.saslBind(6, "EXTERNAL"),
      send.saslBind(7, "EXTERNAL", `dn:${administrator}`),
      send.whoAmI(8),
    );
    const answers = await client.until(8);
    expect(answers.every(({ code }) => code === 0)).toBe(true);
    const names = answers.flatMap(({ responseValue }) => (responseValue ? [responseValue.toString()] : []));
    expect(names).toEqual(Array(4).fill(`dn:${administrator}`));
    expect(audited(server).map(({ address, rule }) => [address, rule])).toEqual(
      Array(4).fill(["local", "local administrator"]),
    );
  });

  test("the local administrator reads and writes everything, but no password", async () => {
    const { client } = await local();
    client.send(send.add(1, "ou=more,dc=example,dc=com", [{ type: "objectClass", values: ["organizationalUnit"] }]));
    expect(await client.result(1)).toMatchObject({ code: 0 });
    client.send(send.modify(2, ben, [{ modification: 2, type: "description", values: ["x"] }]));
    expect(await client.result(2)).toMatchObject({ code: 0 });
    client.send(
      send.search(3, { base: ben, scope: 0, attributes: ["*", "+", "userPassword"] }),
      send.search(4, { base: "ou=applications,dc=example,dc=com", scope: 1 }),
    );
    const [entry] = await client.until(3);
    expect(entry?.attributes.get("modifiersName")?.map(String)).toEqual([administrator]);
    expect(entry?.attributes.has("userPassword")).toBe(false);
    expect(await client.until(4)).toHaveLength(4);
  });

  test("who binds as somebody is that, and who fails to is nobody", async () => {
    const { client } = await local();
    client.send(
      send.bind(1, wiki, "wiki-secret"),
      send.whoAmI(2),
      send.bind(3, ben, "ben-secret"),
      send.whoAmI(4),
      send.bind(5, wiki, "wrong"),
      send.whoAmI(6),
      send.search(7),
      send.saslBind(8, "EXTERNAL", `dn:${ben}`),
      send.whoAmI(9),
    );
    const answers = await client.until(9);
    expect(answers.map(({ id, code, responseValue }) => [id, code, responseValue?.toString()])).toEqual([
      [1, 0, undefined],
      [2, 0, `dn:${wiki}`],
      [3, 0, undefined],
      [4, 0, `dn:${ben}`],
      [5, 49, undefined],
      [6, 0, ""],
      [7, 50, undefined],
      [8, 49, undefined],
      [9, 0, ""],
    ]);
  });

  test("what the server as a whole does is for the local administrator alone", async () => {
    const { client, server } = await local();
    const { reloadOid, exportOid, explainOid, statusOid } = await import("../../src/operations/administration.js");
    client.send(send.bind(1, "cn=console,ou=applications,dc=example,dc=com", "console-secret"));
    expect(await client.result(1)).toMatchObject({ code: 0 });
    for (const [n, oid] of [reloadOid, exportOid, explainOid, statusOid].entries()) {
      client.send(send.extended(n + 2, oid));
      expect(await client.result(n + 2)).toMatchObject({ code: 50 });
    }
    expect(audited(server).slice(-2)).toMatchObject([
      { outcome: "insufficientAccessRights" },
      { operation: "extended" },
    ]);
  });
});
