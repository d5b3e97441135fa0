import { describe, expect, test } from "vitest";
import { ApplicationRegistry } from "../../src/access/application.js";
import { HostAddresses, hostsOf } from "../../src/access/host-addresses.js";
import { Dn } from "../../src/model/dn.js";
import { standardSchema } from "../../src/model/standard-schema.js";
import { readApplications } from "../../src/settings/application-settings.js";
import { HostName } from "../../src/settings/host-name.js";
import { createLog } from "../../src/telemetry/log.js";
import { applicationsYaml } from "./applications.js";

const wiki = HostName.parse("wiki.example.com");
const tracker = HostName.parse("tracker.example.com");

/** A DNS that says what the test has put into it, and a clock that ticks when the test says so. */
function names(answers: Record<string, readonly string[]>) {
  const asked: string[] = [];
  const logged: string[] = [];
  let round = () => {};
  const hosts = new HostAddresses({
    log: createLog({ level: "info", destination: { write: (line) => logged.push(JSON.parse(line).msg) } }),
    lookup: async (name) => {
      asked.push(name);
      const found = answers[name];
      if (!found) throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
      return found;
    },
    schedule: (run) => {
      round = run;
      return () => {
        round = () => {};
      };
    },
  });
  const nextRound = async () => {
    round();
    await new Promise(setImmediate);
  };
  return { hosts, asked, logged, nextRound };
}

describe("a host's addresses", () => {
  test("are asked for when its name comes into use, and kept in their one spelling", async () => {
    const { hosts, asked } = names({ "wiki.example.com": ["::ffff:192.0.2.7", "2001:DB8::1"] });
    await hosts.keep([wiki, wiki]);
    expect(hosts.of(wiki)).toEqual(["192.0.2.7", "2001:db8::1"]);
    expect(hosts.contains(wiki, "::ffff:192.0.2.7")).toBe(true);
    expect(hosts.contains(wiki, "192.0.2.8")).toBe(false);
    await hosts.keep([wiki]);
    expect(asked).toEqual(["wiki.example.com"]);
  });

  test("are asked for again in each round, and are those of the last answer", async () => {
    const answers: Record<string, string[]> = { "wiki.example.com": ["192.0.2.7"] };
    const { hosts, nextRound } = names(answers);
    await hosts.keep([wiki]);
    answers["wiki.example.com"] = ["192.0.2.8"];
    expect(hosts.of(wiki)).toEqual(["192.0.2.7"]);
    await nextRound();
    expect(hosts.of(wiki)).toEqual(["192.0.2.8"]);
  });

  test("stay as they were while there is no answer, which is logged once and at its end", async () => {
    const answers: Record<string, string[]> = { "wiki.example.com": ["192.0.2.7"] };
    const { hosts, nextRound, logged } = names(answers);
    await hosts.keep([wiki, tracker]);
    expect(logged).toEqual(["a host name is not found: nobody comes in by it"]);
    delete answers["wiki.example.com"];
    await nextRound();
    await nextRound();
    expect(hosts.of(wiki)).toEqual(["192.0.2.7"]);
    answers["wiki.example.com"] = ["192.0.2.9"];
    await nextRound();
    await nextRound();
    expect(hosts.of(wiki)).toEqual(["192.0.2.9"]);
    expect(logged.slice(1)).toEqual([
      "a host name is not found: its last addresses stay in use",
      "a host name is found again",
    ]);
  });

  test("are forgotten with the name, and no longer asked for after the end", async () => {
    const { hosts, asked, nextRound } = names({
      "wiki.example.com": ["192.0.2.7"],
      "tracker.example.com": ["192.0.2.8"],
    });
    await hosts.keep([wiki]);
    await hosts.keep([tracker]);
    expect([hosts.of(wiki), hosts.of(tracker)]).toEqual([[], ["192.0.2.8"]]);
    hosts.close();
    await nextRound();
    expect(asked).toEqual(["wiki.example.com", "tracker.example.com"]);
  });

  test("of names that are new hold nobody up who is there already", async () => {
    let answer = (_: readonly string[]) => {};
    const hosts = new HostAddresses({
      lookup: (name) =>
        name === wiki.name
          ? Promise.resolve(["192.0.2.7"])
          : new Promise((resolve) => {
              answer = resolve;
            }),
      schedule: () => () => {},
    });
    await hosts.keep([wiki]);
    const kept = hosts.keep([tracker]);
    expect(hosts.of(wiki)).toEqual(["192.0.2.7"]);
    answer(["192.0.2.8"]);
    await kept;
    expect([hosts.of(wiki), hosts.of(tracker)]).toEqual([[], ["192.0.2.8"]]);
  });
});

test("an application may call from the addresses of its hosts, and disabled ones are not looked up", async () => {
  const { hosts, asked } = names({ "wiki.example.com": ["192.0.2.7"] });
  const read = readApplications(
    applicationsYaml({
      wiki: { addresses: "[10.0.0.1, wiki.example.com]" },
      tracker: { addresses: "[tracker.example.com]", more: ["enabled: false"] },
    }),
    "applications.yaml",
  );
  if ("problems" in read) throw new Error("applications.yaml has problems");
  await hosts.keep(hostsOf(read.applications));
  const registry = new ApplicationRegistry(Dn.parse("dc=example,dc=com"), standardSchema, read.applications, hosts);
  const from = (address: string) => registry.candidates({ kind: "plain", address }).map(({ name }) => name);
  expect([from("192.0.2.7"), from("10.0.0.1"), from("192.0.2.8")]).toEqual([["wiki"], ["wiki"], []]);
  expect(asked).toEqual(["wiki.example.com"]);
});

test("when a host moves there is another list of applications, and while it stays there is none", async () => {
  const answers: Record<string, string[]> = { "wiki.example.com": ["192.0.2.7", "192.0.2.8"] };
  const { hosts, nextRound } = names(answers);
  await hosts.keep([wiki]);
  const registry = new ApplicationRegistry(Dn.parse("dc=example,dc=com"), standardSchema, [], hosts);
  const before = registry.all;
  answers["wiki.example.com"] = ["192.0.2.8", "192.0.2.7"];
  await nextRound();
  expect(registry.all).toBe(before);
  answers["wiki.example.com"] = ["192.0.2.9"];
  await nextRound();
  expect(registry.all).not.toBe(before);
});
