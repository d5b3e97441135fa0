import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startedServer } from "../support/server.js";
import { describeWith, run } from "./programs.js";

const program = fileURLToPath(new URL("Jndi.java", import.meta.url));

// Java is large and .ci/run does not install it: where it is, it is asked.
describeWith("JNDI", { programs: ["java", "javac"], inCi: false }, () => {
  test("replays what Crowd, Keycloak and Spring Security send", { timeout: 60_000 }, async () => {
    const server = await startedServer();
    const { code, stdout, stderr } = await run("java", [program, server.url]);
    expect(stderr).toBe("");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "crowd\nkeycloak\nspring\n" });
  });
});
