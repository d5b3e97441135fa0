import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { type TestCertificates, testCertificates } from "../support/certificates.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { describeWith, run, succeeds } from "./programs.js";

const script = fileURLToPath(new URL("python_ldap_tls.py", import.meta.url));
const python = "/usr/bin/python3"; // Debian's, whose packages have the bindings

const lacks = () => (succeeds(python, ["-c", "import ldap"]) ? undefined : "python3-ldap");

describeWith("python-ldap over TLS", { programs: [python, "openssl"], lacks, inCi: true }, () => {
  let certificates: TestCertificates;
  let server: StartedServer;
  let secureUrl: string;

  beforeAll(async () => {
    certificates = await testCertificates();
    const { certificate, key } = certificates.server;
    server = await startedServer({
      lasts: "file",
      listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0", "ldapi://ldapi"],
      server: `tls: ${JSON.stringify({ certificate, key, clientCA: certificates.ca })}`,
    });
    secureUrl = server.running.listen[1]!;
  });

  const goesWell = async (step: string, ...args: readonly string[]) =>
    expect(await run(python, [script, step, ...args])).toEqual({ code: 0, stdout: "done\n", stderr: "" });
  /** Who trusts only this trusts nothing else. */
  const otherCa = () => certificates.stranger.certificate;

  test("begins TLS by StartTLS, where it trusts the authority", async () => {
    await goesWell("start_tls", server.url, certificates.ca, otherCa());
  });

  test("binds, by PLAIN too, and moves large values over ldaps, where it trusts the authority", async () => {
    await goesWell("ldaps", secureUrl, certificates.ca, otherCa());
  });

  test("is the application of its certificate by EXTERNAL", async () => {
    const { certificate, key } = certificates.wiki;
    await goesWell("certificate", server.url, secureUrl, certificates.ca, certificate, key);
  });

  test("is the local administrator through the Unix socket, until it binds as somebody else", async () => {
    await goesWell("local", server.running.listen[2]!);
  });
});
