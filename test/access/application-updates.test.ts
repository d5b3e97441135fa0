import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "ldapts";
import { expect, test } from "vitest";
import { formatProblem } from "../../src/settings/problem.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { type ApplicationOf, applicationsYaml } from "./applications.js";

async function served(applications: Record<string, ApplicationOf>): Promise<StartedServer> {
  return startedServer({ applications: applicationsYaml(applications), expectsErrors: true });
}

function write({ folder }: StartedServer, text: string, name = "applications.yaml"): Promise<void> {
  return writeFile(join(folder, name), text);
}

async function binds({ url }: StartedServer, name: string): Promise<boolean> {
  const client = new Client({ url });
  try {
    await client.bind(`cn=${name},ou=applications,dc=example,dc=com`, `${name}-secret`);
    return true;
  } catch {
    return false;
  } finally {
    await client.unbind();
  }
}

const within = { timeout: 15_000, interval: 100 };

/** The lines of the log about reading the configuration, from the n-th on. */
function readings({ log }: StartedServer): string[] {
  return log.filter(({ msg }) => /configuration|applications/.test(msg ?? "")).map(({ msg }) => msg!);
}

test("a change of applications.yaml or of applications.d takes effect by itself, and is told once", async () => {
  const server = await served({ wiki: {} });
  await write(server, applicationsYaml({ wiki: {}, shop: {} }));
  await expect.poll(() => binds(server, "shop"), within).toBe(true);
  await mkdir(join(server.folder, "applications.d"));
  await write(server, applicationsYaml({ mail: {} }), "applications.d/mail.yaml");
  await expect.poll(() => binds(server, "mail"), within).toBe(true);
  expect(readings(server)).toEqual(["the applications are read anew", "the applications are read anew"]);
});

test("what is wrong is told once with its place, and the last good applications stay until it is right", async () => {
  const server = await served({ wiki: {} });
  const half = applicationsYaml({ wiki: {}, shop: {} }).slice(0, -20);
  await write(server, half);
  await expect.poll(() => readings(server).length, within).toBeGreaterThan(1);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(readings(server)).toEqual(["the configuration is wrong", "the old applications stay"]);
  expect(server.log.find(({ msg }) => msg === "the configuration is wrong")?.problem).toMatch(
    /applications\.yaml:\d+:\d+ {2}/,
  );
  expect(await binds(server, "wiki")).toBe(true);
  await write(server, applicationsYaml({ shop: {} }));
  await expect.poll(() => binds(server, "shop"), within).toBe(true);
  expect(await binds(server, "wiki")).toBe(false);
});

test("what was read at a signal, right or wrong, is not told again", async () => {
  const server = await served({ wiki: {} });
  await write(server, applicationsYaml({ wiki: {}, shop: {} }));
  expect(await server.running.reload()).toEqual([]);
  expect(await binds(server, "shop")).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await write(server, "applications: [");
  expect((await server.running.reload()).map(formatProblem)).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(readings(server)).toEqual([]);
});
