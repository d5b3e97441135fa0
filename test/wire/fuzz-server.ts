// A server in a process of its own: its answers do not wait for those who ask, and its memory is nobody else's.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { expect, onTestFinished } from "vitest";
import { gatehouse, installation, person, start, units, write } from "../cli/gatehouse.js";
import { testCertificates } from "../support/certificates.js";
import { saltedSha } from "../support/server.js";

export interface ServerProcess {
  readonly port: number;
  /** Writes that were carried out, by its audit. */
  readonly writes: number;
  /** Lines of its log that tell of an error. */
  readonly errors: readonly string[];
  /** Memory that it occupies, in MiB (Linux). */
  memory(): Promise<number>;
  /** Stops it: it has to end well, and to leave a store without faults. */
  stop(): Promise<void>;
}

const people = ["ann", "ben", "cora", "dan"].map((uid) => person(uid, `userPassword: ${saltedSha(`${uid}-secret`)}`));

const application = (name: string, access: string) => `  - name: ${name}
    password: "${saltedSha(`${name}-secret`)}"
    addresses: ["127.0.0.1"]
    access: ${access}
`;

/**
 * The built server, with some people, an application that reads and one that administers, and a certificate, so that
 * StartTLS can begin. Its cache is small: it is full long before memory is compared.
 */
export async function serverProcess(): Promise<ServerProcess> {
  const { certificate, key } = (await testCertificates()).server;
  const more = ["seed: seed.ldif", "limits: { cacheBytes: 16MiB }", `tls: ${JSON.stringify({ certificate, key })}`];
  const folder = await installation(`${more.join("\n")}\n`);
  const applications = application("wiki", "read") + application("console", "admin");
  await write(folder, "config/applications.yaml", `applications:\n${applications}`);
  await write(folder, "config/seed.ldif", units + people.join(""));
  const child = start(["serve"], { folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit");
  const errors: string[] = [];
  let said = "";
  let writes = 0;
  child.stderr!.setEncoding("utf8").on("data", (piece: string) => {
    said += piece;
  });
  const port = await new Promise<number>((resolve, reject) => {
    exit.then(() => reject(new Error(`the server ended: ${said}`)));
    let rest = "";
    child.stdout!.setEncoding("utf8").on("data", (piece: string) => {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const listen = /"listen":\["ldap:\/\/127\.0\.0\.1:(\d+)"\]/.exec(line);
        if (listen) resolve(Number(listen[1]));
        if (/^\{"level":"(error|fatal)"/.test(line)) errors.push(line);
        if (/"operation":"(add|modify|modifyDn|delete)".*"outcome":"success"/.test(line)) writes++;
      }
    });
  });
  return {
    port,
    errors,
    get writes() {
      return writes;
    },
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
    },
    stop: async () => {
      child.kill("SIGTERM");
      expect(await exit).toEqual([0, null]);
      expect((await gatehouse(["verify"], { folder })).stdout).toMatch(/no faults\n$/);
    },
  };
}
