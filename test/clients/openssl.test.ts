// What `openssl s_client` sees of the server's TLS, and what it can do to it.
import { execFile, spawn } from "node:child_process";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { type TestCertificates, testCertificates } from "../support/certificates.js";
import { applicationDn } from "../support/conversation.js";
import { bind, RawClient, saslBind, unbind, whoAmI } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { describeWith, type Ran, run } from "./programs.js";

describeWith("openssl s_client", { programs: ["openssl"], inCi: true }, () => {
  let certificates: TestCertificates;
  let server: StartedServer;
  /** The certificate of an authority that signs for none of the clients. */
  let intermediate: string;
  /** The two ways to TLS, each as the arguments that lead there. */
  let ways: readonly (readonly string[])[];

  beforeAll(async () => {
    certificates = await testCertificates();
    const { certificate, key, authority } = await serverWithIntermediate(certificates);
    intermediate = authority;
    server = await startedServer({
      lasts: "file",
      listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0"],
      server: `tls: ${JSON.stringify({ certificate, key, clientCA: certificates.ca })}`,
    });
    ways = [
      ["-connect", `127.0.0.1:${server.portOf(1)}`],
      ["-connect", `127.0.0.1:${server.port}`, "-starttls", "ldap"],
    ];
  });

  const sClient = (args: readonly string[], input?: string | Buffer): Promise<Ran> =>
    run("openssl", ["s_client", "-CAfile", certificates.ca, ...args], input);
  /** Goes on until the server closes, and knows no commands: what is sent is LDAP. */
  const speaking = ["-quiet", "-nocommands", "-verify_return_error", "-verify_hostname", "localhost"];
  const isAnswering = async () => expect(await (await RawClient.connect(server.port)).whoAmI()).toBe("");

  test("is shown the whole chain, and verifies it knowing no more than the root", async () => {
    for (const way of ways) {
      const { code, stdout, stderr } = await sClient([...way, "-showcerts", "-verify_hostname", "localhost"]);
      expect(code).toBe(0);
      expect(stdout.match(/-----BEGIN CERTIFICATE-----/g)).toHaveLength(2);
      expect(stdout).toMatch(/^ 0 s:CN = localhost\n {3}i:CN = Gatehouse Intermediate CA$/m);
      expect(stdout).toMatch(/^ 1 s:CN = Gatehouse Intermediate CA\n {3}i:CN = Gatehouse Test CA$/m);
      expect(stdout).toContain("Verification: OK");
      expect(stdout).toContain("Verified peername: localhost");
      expect(stderr).not.toContain("verify error");
    }
  });

  test("is asked for a certificate of the authority that clients are known by", async () => {
    for (const way of ways) {
      const { stdout } = await sClient(way);
      expect(stdout).toMatch(/^Acceptable client certificate CA names\nCN = Gatehouse Test CA$/m);
    }
  });

  test.each([
    ["1.2", ["-tls1_2"]],
    ["1.3", ["-tls1_3"]],
  ])("speaks LDAP over TLS %s", async (version, args) => {
    for (const way of ways) {
      expect((await sClient([...way, ...args])).stdout).toContain(`New, TLSv${version}, Cipher is `);
      const messages = Buffer.concat([bind(2, applicationDn("wiki"), "wiki-secret"), whoAmI(3), unbind(4)]);
      const { code, stdout } = await sClient([...way, ...args, ...speaking], messages);
      expect([code, stdout]).toEqual([0, expect.stringContaining(`dn:${applicationDn("wiki")}`)]);
    }
  });

  test.each(["-tls1", "-tls1_1"])("gets nowhere with %s", async (old) => {
    for (const way of ways) {
      const { code, stdout, stderr } = await sClient([...way, old, "-cipher", "DEFAULT@SECLEVEL=0"]);
      expect(code).toBe(1);
      expect(stdout).toContain("Cipher is (NONE)");
      expect(stderr).toContain("alert protocol version");
    }
    await isAnswering();
  });

  test.each(["NULL", "aNULL", "RC4", "3DES", "EXPORT"])("finds no cipher of %s to agree on", async (weak) => {
    const { code, stdout } = await sClient([...ways[0]!, "-tls1_2", "-cipher", `${weak}:@SECLEVEL=0`]);
    expect([code, stdout]).not.toEqual([0, expect.anything()]);
    expect(stdout).not.toMatch(/Cipher is (?!\(NONE\))/);
  });

  test("resumes a session", async () => {
    const session = join(certificates.folder, "session.pem");
    for (const way of ways) {
      for (const version of ["-tls1_2", "-tls1_3"]) {
        const messages = Buffer.concat([whoAmI(2), unbind(3)]);
        await sClient([...way, version, ...speaking, "-sess_out", session], messages);
        const { stdout } = await sClient([...way, version, "-sess_in", session]);
        expect(stdout).toMatch(/^Reused, TLSv1\.[23]/m);
      }
    }
  });

  test("is known by its certificate where it binds by EXTERNAL, in a resumed session too", async () => {
    const { certificate, key } = certificates.wiki;
    const own = ["-cert", certificate, "-key", key];
    const messages = Buffer.concat([saslBind(2, "EXTERNAL", ""), whoAmI(3), unbind(4)]);
    for (const way of ways) {
      for (const version of ["-tls1_2", "-tls1_3"]) {
        const session = join(certificates.folder, "session-with-certificate.pem");
        const first = await sClient([...way, version, ...own, ...speaking, "-sess_out", session], messages);
        expect(first.stdout).toContain(`dn:${applicationDn("wiki")}`);
        // It shows no certificate again: that is in the session.
        const again = await sClient([...way, version, ...speaking, "-sess_in", session], messages);
        expect(again.stdout).toContain(`dn:${applicationDn("wiki")}`);
        const without = await sClient([...way, version, ...speaking], messages);
        expect(without.stdout).not.toContain("dn:");
      }
    }
  });

  test("is nobody in a resumed session whose certificate the server accepts no longer", async () => {
    const { folder, ca, server: own, wiki } = certificates;
    const clientCA = join(folder, "changing-ca.crt");
    await copyFile(ca, clientCA);
    const changing = await startedServer({
      listen: ["ldaps://127.0.0.1:0"],
      server: `tls: ${JSON.stringify({ ...own, clientCA })}`,
    });
    const way = ["-connect", `127.0.0.1:${changing.port}`];
    const messages = Buffer.concat([saslBind(2, "EXTERNAL", ""), whoAmI(3), unbind(4)]);
    const sessions = ["-tls1_2", "-tls1_3"].map((version) => [version, join(folder, `session${version}.pem`)] as const);
    for (const [version, session] of sessions) {
      const shown = ["-cert", wiki.certificate, "-key", wiki.key, "-sess_out", session];
      expect((await sClient([...way, version, ...shown, ...speaking], messages)).stdout).toContain("dn:");
    }
    await copyFile(intermediate, clientCA);
    expect(await changing.running.reload()).toEqual([]);
    for (const [version, session] of sessions) {
      const again = await sClient([...way, version, "-sess_in", session, ...speaking], messages);
      expect(again).toMatchObject({ code: 0, stdout: expect.not.stringContaining("dn:") });
    }
  });

  test("with a certificate that the server does not accept is nobody, and told so", async () => {
    const { certificate, key } = certificates.stranger;
    const messages = Buffer.concat([saslBind(2, "EXTERNAL", ""), whoAmI(3), unbind(4)]);
    for (const way of ways) {
      const { code, stdout } = await sClient([...way, "-cert", certificate, "-key", key, ...speaking], messages);
      expect(code).toBe(0);
      expect(stdout).toContain("the client certificate is not one that this server accepts");
      expect(stdout).not.toContain("dn:");
    }
  });

  test("may renegotiate TLS 1.2 now and then and go on, and is cut off when it does nothing else", async () => {
    for (const way of ways) {
      const child = spawn("openssl", ["s_client", "-CAfile", certificates.ca, ...way, "-tls1_2"]);
      onTestFinished(() => void child.kill("SIGKILL"));
      let said = "";
      for (const output of [child.stdout, child.stderr]) {
        output.setEncoding("latin1").on("data", (piece: string) => {
          said += piece;
        });
      }
      const ended = new Promise((resolve) => child.once("close", resolve));
      const count = (text: string) => said.split(text).length - 1;
      child.stdin.on("error", () => {}); // it ends when it is cut off
      /** After each handshake the server's certificate is verified. */
      const handshakes = () => count("depth=0 CN = localhost");
      await expect.poll(() => count("Verify return code")).toBe(1);
      child.stdin.write("R\n");
      await expect.poll(handshakes).toBe(2);
      child.stdin.write(Buffer.concat([bind(2, applicationDn("wiki"), "wiki-secret"), whoAmI(3)]));
      await expect.poll(() => count(`dn:${applicationDn("wiki")}`)).toBe(1);
      for (let asked = 2; asked <= 10 && child.exitCode === null; asked++) {
        child.stdin.write("R\n");
        await expect.poll(() => handshakes() > asked || child.exitCode !== null).toBe(true);
      }
      await ended;
      expect(handshakes()).toBeLessThan(10);
    }
    await isAnswering();
    await expect.poll(() => server.running.metrics.snapshot().connections.open).toBeLessThanOrEqual(1);
  });

  test("breaking off in every way leaves no connection behind", async () => {
    const half = whoAmI(1).subarray(0, 5);
    for (const way of ways) {
      await sClient(way); // closes right after the handshake
      await sClient([...way, "-nocommands"], half);
      await sClient([...way, "-nocommands"], "no LDAP at all");
      await sClient([...way, "-CAfile", certificates.stranger.certificate, "-verify_return_error"]);
      const child = spawn("openssl", ["s_client", ...way]);
      await new Promise((resolve) => child.stdout.once("data", resolve));
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
    }
    await isAnswering();
    await expect.poll(() => server.running.metrics.snapshot().connections.open).toBeLessThanOrEqual(1);
  });
});

/** A certificate for localhost, signed by an authority between it and the root. */
async function serverWithIntermediate({ folder, ca }: TestCertificates) {
  const openssl = (...args: readonly string[]) => promisify(execFile)("openssl", args);
  const file = (name: string) => join(folder, `chain-${name}`);
  const key = ["-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const config = file("extensions.cnf");
  await writeFile(
    config,
    "[between]\nbasicConstraints = critical, CA:TRUE, pathlen:0\nkeyUsage = critical, keyCertSign\n[server]\nsubjectAltName = DNS:localhost\n",
  );
  const signed = async (name: string, subject: string, issuer: string, issuerKey: string) => {
    await openssl("req", ...key, "-subj", subject, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`));
    const by = ["-CA", issuer, "-CAkey", issuerKey, "-extfile", config, "-extensions", name, "-days", "90"];
    await openssl("x509", "-req", "-in", file(`${name}.csr`), ...by, "-out", file(`${name}.crt`));
  };
  await signed("between", "/CN=Gatehouse Intermediate CA", ca, join(folder, "ca.key"));
  await signed("server", "/CN=localhost", file("between.crt"), file("between.key"));
  const chain = await Promise.all(["server.crt", "between.crt"].map((name) => readFile(file(name), "utf8")));
  await writeFile(file("chain.crt"), chain.join(""));
  return { certificate: file("chain.crt"), key: file("server.key"), authority: file("between.crt") };
}
