import { expect, test } from "vitest";
import { RawClient } from "../support/raw-client.js";
import { startedServer } from "../support/server.js";

test("an application binds and is who it said", async () => {
  const { port } = await startedServer();
  const client = await RawClient.connect(port);
  expect(await client.whoAmI()).toBe("");
  expect((await client.bind("cn=wiki,ou=applications,dc=example,dc=com", "wiki-secret")).code).toBe(0);
  expect(await client.whoAmI()).toBe("dn:cn=wiki,ou=applications,dc=example,dc=com");
});
