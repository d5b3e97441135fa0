import { expect, test } from "vitest";
import { readApplications } from "../../src/settings/application-settings.js";
import { sharedAddresses } from "../../src/settings/shared-addresses.js";
import { applicationsYaml } from "../access/applications.js";

function shared(addresses: Record<string, string>, disabled: readonly string[] = []) {
  const yaml = applicationsYaml(
    Object.fromEntries(
      Object.entries(addresses).map(([name, list]) => [
        name,
        { addresses: `[${list}]`, more: disabled.includes(name) ? ["enabled: false"] : [] },
      ]),
    ),
  );
  const read = readApplications(yaml, "applications.yaml");
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  return sharedAddresses(read.applications).map(({ origin, names }) => `${names.join(" ")}: ${origin}`);
}

test("applications with addresses of their own share none", () => {
  expect(
    shared({ wiki: "10.0.0.1-10.0.0.9", mail: "10.0.0.10, '::/0'", shop: "192.0.2.0/24, shop.example.com" }),
  ).toEqual([]);
});

test("applications with an address in common are told with one", () => {
  expect(shared({ wiki: "10.0.0.0/24", mail: "10.0.0.200-10.0.1.9" })).toEqual(["wiki mail: 10.0.0.200"]);
  expect(shared({ wiki: "'2001:db8::/32'", mail: "any" })).toEqual(["wiki mail: 2001:db8::"]);
  expect(shared({ wiki: "a.example.com", mail: "10.0.0.1, A.example.com" })).toEqual(["wiki mail: a.example.com"]);
});

test("a group is told once, and no part of it", () => {
  expect(shared({ wiki: "127.0.0.1, '::1'", mail: "127.0.0.1, '::1'", shop: "127.0.0.0/8" })).toEqual([
    "wiki mail shop: 127.0.0.1",
  ]);
  expect(shared({ wiki: "10.0.0.1, 10.0.0.2", mail: "10.0.0.1", shop: "10.0.0.2" })).toEqual([
    "wiki mail: 10.0.0.1",
    "wiki shop: 10.0.0.2",
  ]);
});

test("what is disabled shares nothing", () => {
  expect(shared({ wiki: "any", mail: "any" }, ["mail"])).toEqual([]);
});
