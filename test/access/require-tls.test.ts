// `requireTls` of an application: in the clear it is as if it could not be entered from there.
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TestCertificates, testCertificates } from "../support/certificates.js";
import { applicationDn, groupDn, userDn } from "../support/conversation.js";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { type ApplicationOf, applicationsYaml } from "./applications.js";

let made: Promise<TestCertificates> | undefined;

async function started(applications: Readonly<Record<string, ApplicationOf>>) {
  made ??= testCertificates();
  const { server: pair, ca } = await made;
  const server = await startedServer({
    listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
    server: `tls: ${JSON.stringify(pair)}`,
    applications: applicationsYaml(applications),
  });
  return { server, options: { ca: await readFile(ca) } };
}

const safe = { more: ["requireTls: true"] };
const refusal = { code: 49, message: "the name or the password is wrong" };
const [safeDn, ann] = [applicationDn("safe"), userDn("ann")];
const lastAudit = ({ log }: StartedServer) => log.filter(({ audit }) => audit).at(-1)!.audit!;

test("the application stays out in the clear, in the words for a name that is not there, and comes in with StartTLS", async () => {
  const { server, options } = await started({ safe });
  const client = await RawClient.connect(server.port);
  expect(await client.bind(safeDn, "safe-secret", 1)).toMatchObject(refusal);
  expect(lastAudit(server)).toMatchObject({ rule: "TLS required", application: "safe", outcome: "invalidCredentials" });
  expect(await client.bind(safeDn, "wrong", 2)).toMatchObject(refusal);
  expect(await client.bind(applicationDn("no-such"), "safe-secret", 3)).toMatchObject(refusal);
  await client.startTls(options, 4);
  expect(await client.bind(safeDn, "safe-secret", 5)).toMatchObject({ code: 0 });
  const direct = await RawClient.connectTls(server.portOf(1), options);
  expect(await direct.bind(safeDn, "safe-secret", 1)).toMatchObject({ code: 0 });
});

test("in the clear users do not log in through it, whatever their password; under TLS they do, by PLAIN too", async () => {
  const { server, options } = await started({ safe });
  const client = await RawClient.connect(server.port);
  expect(await client.bind(ann, "ann-secret", 1)).toMatchObject(refusal);
  expect(lastAudit(server)).toMatchObject({ rule: "TLS required", target: ann });
  expect(await client.bind(ann, "wrong", 2)).toMatchObject(refusal);
  await client.startTls(options, 3);
  expect(await client.bind(ann, "ann-secret", 4)).toMatchObject({ code: 0 });
  client.send(send.saslBind(5, "PLAIN", "\0ann\0ann-secret"), send.whoAmI(6));
  expect(await client.result(5)).toMatchObject({ code: 0 });
  expect((await client.result(6)).responseValue?.toString()).toBe(`dn:${ann}`);
});

test("another application behind the same address lets users in, who are not held to what it does not let them do", async () => {
  const { server, options } = await started({ safe, open: { more: [`login: ["${groupDn("design")}"]`] } });
  const client = await RawClient.connect(server.port);
  expect(await client.bind(userDn("leo"), "leo-secret", 1)).toMatchObject(refusal);
  expect(lastAudit(server)).toMatchObject({ rule: "not in a login group" });
  await client.startTls(options, 2);
  expect(await client.bind(userDn("leo"), "leo-secret", 3)).toMatchObject({ code: 0 });
  expect(lastAudit(server)).toMatchObject({ application: "safe" });
});

test("set anew, it takes the application from sessions in the clear, and from their users, at the next operation", async () => {
  const { server, options } = await started({ safe: {} });
  const [app, user] = [await RawClient.connect(server.port), await RawClient.connect(server.port)];
  const under = await RawClient.connectTls(server.portOf(1), options);
  expect((await app.bind(safeDn, "safe-secret", 1)).code).toBe(0);
  expect((await under.bind(safeDn, "safe-secret", 1)).code).toBe(0);
  expect((await user.bind(ann, "ann-secret", 1)).code).toBe(0);
  await writeFile(join(server.folder, "applications.yaml"), applicationsYaml({ safe }));
  expect(await server.running.reload()).toEqual([]);
  expect(await app.whoAmI(2)).toBe("");
  expect(await user.whoAmI(2)).toBe("");
  expect(await under.whoAmI(2)).toBe(`dn:${safeDn}`);
  app.send(send.search(3, { base: ann, scope: 0 }));
  expect(await app.result(3)).toMatchObject({ code: 50 });
  expect(await app.bind(safeDn, "safe-secret", 4)).toMatchObject(refusal);
});

test("the Unix socket is as good as TLS, and has no address that a rule could ask for", async () => {
  const login = "login: { addresses: [192.0.2.9] }";
  const server = await startedServer({
    listen: ["ldapi://gate.sock"],
    applications: applicationsYaml({ safe: { more: ["requireTls: true", login] } }),
  });
  const client = RawClient.over(connect(join(server.folder, "gate.sock")));
  expect(await client.bind(safeDn, "safe-secret", 1)).toMatchObject({ code: 0 });
  expect(await client.bind(ann, "ann-secret", 2)).toMatchObject({ code: 0 });
  expect(await client.whoAmI(3)).toBe(`dn:${ann}`);
});
