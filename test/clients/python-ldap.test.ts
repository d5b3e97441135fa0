import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { type StartedServer, startedServer } from "../support/server.js";
import { describeWith, run, succeeds } from "./programs.js";

const script = fileURLToPath(new URL("python_ldap.py", import.meta.url));
const python = "/usr/bin/python3"; // Debian's, whose packages have the bindings

const lacks = () => (succeeds(python, ["-c", "import ldap"]) ? undefined : "python3-ldap");

describeWith("python-ldap", { programs: [python], lacks, inCi: true }, () => {
  let server: StartedServer;

  beforeAll(async () => {
    server = await startedServer({ lasts: "file" });
  });

  test.each(["sssd", "nextcloud", "httpd", "gitlab", "several_at_once"])("replays what %s sends", async (sequence) => {
    expect(await run(python, [script, server.url, sequence])).toEqual({ code: 0, stdout: "done\n", stderr: "" });
  });
});
