import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { testCertificates } from "../support/certificates.js";
import { startedServer } from "../support/server.js";
import { describeWith, run } from "./programs.js";

const program = fileURLToPath(new URL("JndiTls.java", import.meta.url));
const password = "changeit";

// Java is large and .ci/run does not install it: where it is, it is asked.
describeWith("JNDI over TLS", { programs: ["java", "javac", "keytool", "openssl"], inCi: false }, () => {
  test("speaks ldaps and StartTLS, verifies the host, and binds by certificate", { timeout: 60_000 }, async () => {
    const { folder, ca, server: own, wiki } = await testCertificates();
    const server = await startedServer({
      listen: ["127.0.0.1", "127.0.0.2"].flatMap((host) => [`ldap://${host}:0`, `ldaps://${host}:0`]),
      server: `tls: ${JSON.stringify({ ...own, clientCA: ca })}`,
    });
    const [truststore, keystore] = [join(folder, "trusted.p12"), join(folder, "wiki.p12")];
    const trust = ["-importcert", "-noprompt", "-alias", "ca", "-file", ca, "-keystore", truststore];
    const made = [
      await run("keytool", [...trust, "-storetype", "PKCS12", "-storepass", password]),
      await run("openssl", [
        ...["pkcs12", "-export", "-name", "wiki", "-in", wiki.certificate, "-inkey", wiki.key],
        ...["-out", keystore, "-passout", `pass:${password}`],
      ]),
    ];
    expect(made.map(({ code }) => code)).toEqual([0, 0]);
    const ports = [0, 1, 2, 3].map((n) => String(server.portOf(n)));
    const { code, stdout, stderr } = await run("java", [program, ...ports, truststore, keystore]);
    expect(stderr).toBe("");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "ldaps\nStartTLS\nEXTERNAL\n" });
  });
});
