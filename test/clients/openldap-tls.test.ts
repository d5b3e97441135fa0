// OpenLDAP's tools over TLS, with client certificates, with SASL PLAIN, and through the Unix socket.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { applicationsYaml, ending, start, temporaryFolder, write } from "../cli/gatehouse.js";
import { type Pair, type TestCertificates, testCertificates } from "../support/certificates.js";
import { applicationDn, suffix, userDn } from "../support/conversation.js";
import { RawClient } from "../support/raw-client.js";
import { type StartedServer, startedServer } from "../support/server.js";
import { describeWith, type Ran, run } from "./programs.js";

const programs = ["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "openssl"];
const administrator = "dn:cn=administrator,cn=external,cn=auth\n";

/** libldap reads no environment at all where LDAPNOINIT is set; this user has no settings. */
const tls = (more: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ LDAPNOINIT: undefined, HOME: "/nonexistent", ...more });

const audited = ({ log }: StartedServer) => log.flatMap(({ audit }) => (audit ? [audit] : []));

describeWith("OpenLDAP's tools over TLS", { programs, inCi: true }, () => {
  let certificates: TestCertificates;
  let server: StartedServer;
  /** The ways to TLS, each as the arguments that lead there. */
  let ways: readonly (readonly string[])[];

  beforeAll(async () => {
    certificates = await testCertificates();
    const { certificate, key } = certificates.server;
    server = await startedServer({
      lasts: "file",
      listen: ["ldap://127.0.0.1:0", "ldaps://127.0.0.1:0", "ldaps://127.0.0.2:0"],
      server: `tls: ${JSON.stringify({ certificate, key, clientCA: certificates.ca })}`,
    });
    // Not localhost, for which libldap expects a certificate of the machine's own name.
    ways = [
      ["-ZZ", "-H", `ldap://127.0.0.1:${server.port}`],
      ["-H", `ldaps://127.0.0.1:${server.portOf(1)}`],
    ];
  });

  const trusting = (pair?: Pair) =>
    tls({
      LDAPTLS_CACERT: certificates.ca,
      ...(pair ? { LDAPTLS_CERT: pair.certificate, LDAPTLS_KEY: pair.key } : {}),
    });
  const whoAmI = (args: readonly string[], env = trusting()) => run("ldapwhoami", args, "", env);
  const plainAs = (name: string, password: string) => ["-Q", "-Y", "PLAIN", "-U", name, "-w", password];

  test("ldapsearch reads entries by StartTLS and by ldaps", async () => {
    for (const way of ways) {
      const as = ["-x", "-D", applicationDn("wiki"), "-w", "wiki-secret"];
      const found = await run("ldapsearch", ["-LLL", ...way, ...as, "-b", suffix, "(uid=ann)", "mail"], "", trusting());
      expect(found).toEqual({ code: 0, stdout: `dn: ${userDn("ann")}\nmail: ann@example.com\n\n`, stderr: "" });
    }
  });

  test("ldapsearch is shown StartTLS and SASL mechanisms where they can be used", async () => {
    const asked = ["-x", "-LLL", "-b", "", "-s", "base", "supportedExtension", "supportedSASLMechanisms"];
    const root = async (way: readonly string[], env = trusting()) =>
      (await run("ldapsearch", [...way, ...asked], "", env)).stdout.match(/1466\.20037|EXTERNAL|PLAIN/g) ?? [];
    expect(await root(["-H", server.url])).toEqual(["1466.20037"]);
    for (const way of ways) {
      expect(await root(way)).toEqual(["PLAIN"]);
      expect(await root(way, trusting(certificates.wiki))).toEqual(["EXTERNAL", "PLAIN"]);
    }
  });

  test("who does not trust the authority, or expects another host, goes no further", async () => {
    for (const way of ways) {
      for (const env of [tls({}), tls({ LDAPTLS_CACERT: certificates.stranger.certificate })]) {
        const refused = await whoAmI(["-x", ...way], env);
        expect(refused.code).not.toBe(0);
        expect(refused).toMatchObject({ stdout: "", stderr: expect.stringMatching(/Connect error|Can't contact/) });
      }
      expect((await whoAmI(["-x", ...way], tls({ LDAPTLS_REQCERT: "never" }))).stdout).toBe("anonymous\n");
    }
    // 127.0.0.1 is in the certificate, this address is not.
    const other = await whoAmI(["-x", "-H", `ldaps://127.0.0.2:${server.portOf(2)}`]);
    expect(other).toMatchObject({ stdout: "", stderr: expect.stringMatching(/Connect error|Can't contact/) });
  });

  test("-Z goes on without TLS where there is no certificate, -ZZ does not", async () => {
    const without = await startedServer();
    expect(await whoAmI(["-x", "-ZZ", "-H", without.url])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Protocol error"),
    });
    expect(await whoAmI(["-x", "-Z", "-H", without.url])).toMatchObject({ code: 0, stdout: "anonymous\n" });
  });

  test("where TLS is required, a simple bind in the clear is told so, and one after StartTLS gets in", async () => {
    const { certificate, key } = certificates.server;
    const strict = await startedServer({ server: `tls: ${JSON.stringify({ certificate, key, required: true })}` });
    const as = ["-x", "-D", applicationDn("wiki"), "-w", "wiki-secret", "-H", strict.url];
    expect(await whoAmI(as)).toMatchObject({ code: 13, stderr: expect.stringContaining("Confidentiality required") });
    expect(await whoAmI(["-ZZ", ...as])).toMatchObject({ code: 0, stdout: `dn:${applicationDn("wiki")}\n` });
  });

  describe("-Y EXTERNAL", () => {
    const external = ["-Q", "-Y", "EXTERNAL"];

    test("makes of a client certificate the application it names", async () => {
      for (const way of ways) {
        const env = trusting(certificates.wiki);
        expect(await whoAmI([...external, ...way], env)).toEqual({
          code: 0,
          stdout: `dn:${applicationDn("wiki")}\n`,
          stderr: "",
        });
        expect((await whoAmI(["-x", ...way], env)).stdout).toBe("anonymous\n");
        const found = await run("ldapsearch", ["-LLL", ...external, ...way, "-b", suffix, "(uid=*)", "1.1"], "", env);
        expect(found.stdout.match(/^dn: /gm)).toHaveLength(12);
      }
    });

    test("takes the name to act as only where it is the same", async () => {
      const env = trusting(certificates.wiki);
      for (const way of ways) {
        const as = (dn: string) => whoAmI([...external, "-X", `dn:${dn}`, ...way], env);
        expect(await as(applicationDn("wiki"))).toMatchObject({ code: 0, stdout: `dn:${applicationDn("wiki")}\n` });
        expect(await as(applicationDn("console"))).toMatchObject({ code: 49, stdout: "" });
      }
    });

    test("is refused with a certificate of nobody, of another authority, and without one", async () => {
      for (const way of ways) {
        expect((await whoAmI([...external, ...way], trusting(certificates.nobody))).code).toBe(49);
        expect((await whoAmI([...external, ...way], trusting(certificates.stranger))).code).toBe(48);
        expect((await whoAmI([...external, ...way])).code).not.toBe(0);
      }
    });
  });

  describe("-Y PLAIN", () => {
    test("lets an application in by its name and by its DN, and a user by its uid and by its DN", async () => {
      const names = [
        ["wiki", "wiki-secret", applicationDn("wiki")],
        [applicationDn("wiki"), "wiki-secret", applicationDn("wiki")],
        ["ann", "ann-secret", userDn("ann")],
        [userDn("ann"), "ann-secret", userDn("ann")],
        [`dn:${userDn("ann").toUpperCase()}`, "ann-secret", userDn("ann")],
      ] as const;
      for (const way of ways) {
        for (const [name, password, dn] of names) {
          expect(await whoAmI([...plainAs(name, password), ...way])).toEqual({
            code: 0,
            stdout: `dn:${dn}\n`,
            stderr: "",
          });
        }
      }
    });

    test("takes the name to act as only where it is the same", async () => {
      for (const way of ways) {
        const as = (name: string) => whoAmI([...plainAs("ann", "ann-secret"), "-X", name, ...way]);
        expect(await as("u:ann")).toMatchObject({ code: 0, stdout: `dn:${userDn("ann")}\n` });
        expect(await as("u:ben")).toMatchObject({ code: 49, stdout: "" });
      }
    });

    test("is refused with a wrong password and an unknown name", async () => {
      for (const way of ways) {
        for (const name of ["wiki", "ann", userDn("ann"), "nobody-of-this-name"]) {
          expect(await whoAmI([...plainAs(name, "wrong"), ...way])).toMatchObject({ code: 49, stdout: "" });
        }
      }
    });

    test("is refused in the clear, by the tool and by the server", async () => {
      const inTheClear = [...plainAs("wiki", "wiki-secret"), "-H", server.url];
      expect(await whoAmI(inTheClear)).toMatchObject({
        stdout: "",
        stderr: expect.stringContaining("No worthy mechs found"),
      });
      expect(await whoAmI(["-O", "none", ...inTheClear])).toMatchObject({
        code: 7,
        stdout: "",
        stderr: expect.stringContaining("PLAIN needs TLS"),
      });
    });
  });
});

describeWith("OpenLDAP's tools through the Unix socket", { programs, inCi: true }, () => {
  let server: StartedServer;
  let socket: string;
  let url: string;

  beforeAll(async () => {
    // In a folder that all may enter: the socket's own mode has to keep them out.
    const folder = await mkdtemp(join(tmpdir(), "gatehouse-ldapi-"));
    await chmod(folder, 0o755);
    socket = join(folder, "ldapi");
    url = `ldapi://${encodeURIComponent(socket)}`;
    server = await startedServer({ lasts: "file", listen: ["ldap://127.0.0.1:0", `ldapi://${socket}`] });
    return () => rm(folder, { recursive: true, force: true });
  });

  const local = (program: string, args: readonly string[], input?: string) => run(program, ["-H", url, ...args], input);
  const ways = [
    ["-Q", "-Y", "EXTERNAL"],
    ["-Q", "-Y", "EXTERNAL", "-X", "dn:cn=administrator,cn=external,cn=auth"],
    ["-x"],
    ["-Q"], // the tool chooses among the mechanisms of the root DSE
  ];
  const connected = async () => {
    const socketOfClient = connect(socket);
    await once(socketOfClient, "connect");
    return RawClient.over(socketOfClient);
  };

  test("-Y EXTERNAL and an anonymous bind are the local administrator", async () => {
    for (const way of ways) {
      expect(await local("ldapwhoami", way)).toEqual({ code: 0, stdout: administrator, stderr: "" });
    }
    expect(await local("ldapwhoami", ["-Q", "-Y", "EXTERNAL", "-X", `dn:${applicationDn("console")}`])).toMatchObject({
      code: 49,
      stdout: "",
    });
  });

  test("who says nothing at all is the local administrator, too", async () => {
    expect(await (await connected()).whoAmI()).toBe(administrator.trim());
  });

  test.each([
    ["by EXTERNAL", ways[0]!],
    ["by an anonymous bind", ways[2]!],
  ])("the local administrator reads and writes everything, %s", async (_, way) => {
    const all = await local("ldapsearch", ["-LLL", ...way, "-b", suffix, "1.1"]);
    expect(all.stdout.match(/^dn: /gm)).toHaveLength(24);
    const unit = `ou=robots,${suffix}`;
    const entries = `dn: ${unit}\nobjectClass: organizationalUnit\nou: robots\n\ndn: uid=r2,${unit}\nobjectClass: inetOrgPerson\ncn: R2\nsn: R\nuid: r2\nuserPassword: r2-secret\n`;
    expect(await local("ldapadd", way, entries)).toMatchObject({ code: 0, stderr: "" });
    const change = `dn: uid=r2,${unit}\nchangetype: modify\nreplace: sn\nsn: D2\n`;
    expect(await local("ldapmodify", way, change)).toMatchObject({ code: 0, stderr: "" });
    const found = await local("ldapsearch", [
      "-LLL",
      ...way,
      "-b",
      unit,
      "(sn=d2)",
      "sn",
      "userPassword",
      "creatorsName",
    ]);
    expect(found.stdout).toBe(`dn: uid=r2,${unit}\nsn: D2\n${administrator.replace("dn:", "creatorsName: ")}\n`);
    expect(await local("ldapdelete", [...way, `uid=r2,${unit}`, unit])).toMatchObject({ code: 0, stderr: "" });
    expect(audited(server).at(-1)).toMatchObject({
      operation: "delete",
      address: "local",
      subject: administrator.trim().slice(3),
    });
  });

  test("an application and a user bind as on any connection, and are no more than they are", async () => {
    const as = (dn: string, password: string) => ["-x", "-D", dn, "-w", password];
    const tracker = as(applicationDn("tracker"), "tracker-secret");
    expect((await local("ldapwhoami", tracker)).stdout).toBe(`dn:${applicationDn("tracker")}\n`);
    expect(await local("ldapdelete", [...tracker, userDn("ann")])).toMatchObject({ code: 50 });
    const ann = as(userDn("ann"), "ann-secret");
    expect((await local("ldapwhoami", ann)).stdout).toBe(`dn:${userDn("ann")}\n`);
    expect(await local("ldapdelete", [...ann, userDn("ben")])).toMatchObject({ code: 50 });
    const plain = ["-Q", "-O", "none", "-Y", "PLAIN", "-U", "wiki", "-w", "wiki-secret"];
    expect((await local("ldapwhoami", plain)).stdout).toBe(`dn:${applicationDn("wiki")}\n`);
  });

  test("a wrong password leaves nobody, and no administrator", async () => {
    expect((await local("ldapwhoami", ["-x", "-D", applicationDn("wiki"), "-w", "wrong"])).code).toBe(49);
    const client = await connected();
    expect((await client.bind(applicationDn("wiki"), "wrong")).code).toBe(49);
    expect(await client.whoAmI(2)).toBe("");
    expect((await client.bind("", "", 3)).code).toBe(0);
    expect(await client.whoAmI(4)).toBe(administrator.trim());
  });

  test("StartTLS is not known there", async () => {
    expect(await local("ldapwhoami", ["-x", "-ZZ"])).toMatchObject({ code: 1, stdout: "" });
  });

  test("the socket is for its owner only", async () => {
    const { mode, uid } = await stat(socket);
    expect([mode & 0o777, uid]).toEqual([0o600, process.geteuid?.()]);
  });

  const asNobody = (...args: string[]) => run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", ...args]);

  test.skipIf(process.geteuid?.() !== 0)(
    "another user cannot open it (skipped where the test is not root's)",
    async () => {
      const asked = ["ldapwhoami", "-x", "-H", url];
      expect(await asNobody(...asked)).toMatchObject({ stdout: "", stderr: expect.stringContaining("Can't contact") });
      // It was the mode and nothing else.
      await chmod(socket, 0o666);
      onTestFinished(() => chmod(socket, 0o600));
      expect(await asNobody(...asked)).toMatchObject({ code: 0, stdout: administrator });
    },
  );
});

describeWith("the file of the Unix socket", { programs, inCi: true }, () => {
  /** A configuration of the real command that listens on this socket. */
  async function installed(socket: string): Promise<string> {
    const folder = await temporaryFolder();
    await write(
      folder,
      "server.yaml",
      `suffix: ${suffix}\nlisten: ["ldapi://${socket}"]\nstore: { path: data }\npasswords: { cost: 4 }\n`,
    );
    await write(folder, "applications.yaml", applicationsYaml);
    return folder;
  }

  function serving(folder: string) {
    const child = start(["serve", "--config", folder]);
    onTestFinished(() => void child.kill("SIGKILL"));
    return { child, ended: ending(child) };
  }

  const whoAmI = (socket: string): Promise<Ran> =>
    run("ldapwhoami", ["-x", "-H", `ldapi://${encodeURIComponent(socket)}`]);
  const isServed = (socket: string) =>
    expect.poll(async () => (await whoAmI(socket)).stdout, { timeout: 10_000 }).toBe(administrator);

  test("left by a server that was killed is replaced, and goes away with one that is stopped", async () => {
    const socket = join(await temporaryFolder(), "ldapi");
    const folder = await installed(socket);
    const killed = serving(folder);
    await isServed(socket);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect((await stat(socket)).isSocket()).toBe(true);
    expect((await whoAmI(socket)).code).not.toBe(0);
    const next = serving(folder);
    await isServed(socket);
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    next.child.kill("SIGTERM");
    expect(await next.ended).toMatchObject({ code: 0, stderr: "" });
    await expect(stat(socket)).rejects.toThrow("ENOENT");
  });

  test("on which a server answers is left to it", async () => {
    const socket = join(await temporaryFolder(), "ldapi");
    const first = serving(await installed(socket));
    await isServed(socket);
    const { code, stderr } = await serving(await installed(socket)).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^gatehouse: .*${socket}.*in use.*\n$`));
    await isServed(socket);
    first.child.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0, stderr: "" });
  });

  test("on which a server listens that is too busy to answer is left to it", async () => {
    const socket = join(await temporaryFolder(), "ldapi");
    const busy = `require("node:net").createServer().listen({ path: ${JSON.stringify(socket)}, backlog: 1 }, () => {
      process.stdout.write("listening");
      for (;;);
    });`;
    const child = spawn(process.execPath, ["-e", busy]);
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    // Until no more connections can wait there.
    for (let isFull = false; !isFull; ) {
      const waiting = connect(socket);
      onTestFinished(() => void waiting.destroy());
      isFull = await new Promise<boolean>((resolve) => {
        waiting.once("connect", () => resolve(false)).once("error", () => resolve(true));
      });
    }
    const next = serving(await installed(socket));
    let said = "";
    next.child.stdout?.on("data", (piece: string) => {
      said += piece;
    });
    await expect.poll(() => said.includes('"ready"') || next.child.exitCode !== null, { timeout: 10_000 }).toBe(true);
    expect(said).not.toContain('"ready"');
    expect(await next.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("in use") });
  });

  test("is made nowhere where another file stands, which is left as it is", async () => {
    const socket = join(await temporaryFolder(), "ldapi");
    await writeFile(socket, "somebody's only copy");
    const { code, stderr } = await serving(await installed(socket)).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^gatehouse: .*${socket}.*\n$`));
    expect(await readFile(socket, "utf8")).toBe("somebody's only copy");
  });
});
