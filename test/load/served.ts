// The built server as a child process (`gatehouse serve`), and what it costs. When its test is over it has to stop
// cleanly, with no error in its log.
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { expect, onTestFinished } from "vitest";
import type { LimitName } from "../../src/model/limits.js";
import { ending, installation, type Outcome, person, start, units, write } from "../cli/gatehouse.js";
import { RawClient } from "../support/raw-client.js";
import { type Figures, figuresOf, residentOf } from "./process-figures.js";

export interface Serving {
  /** One with a `config` folder and a store; default: a new one, with a hundred people. */
  readonly folder?: string;
  /** As server.yaml has them: "2s", 10. */
  readonly limits?: Readonly<Partial<Record<LimitName, number | string>>>;
  readonly listen?: readonly string[];
  /** More lines of server.yaml. */
  readonly server?: string;
}

/** Applications that read everything, from any address of this machine. */
export const [wiki, tracker] = ["wiki", "tracker"].map((name) => `cn=${name},ou=applications,dc=example,dc=com`) as [
  string,
  string,
];
export const password = "cora-secret";
export const people = "ou=people,dc=example,dc=com";

const applications = `applications:
${["wiki", "tracker"]
  .map(
    (name) => `  - name: ${name}
    password: "{SSHA}JT1yM4EPx/qU3x+BqwmzUmNKlea42Km2cphbHQ=="
    addresses: [127.0.0.0/8]
    access: read
`,
  )
  .join("")}`;

/** For an empty store. */
const seed = units + Array.from({ length: 100 }, (_, n) => person(`user${n}`, `mail: user${n}@example.com`)).join("");

interface Line {
  readonly level: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export class Served {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Outcome>;
  readonly #ports: readonly number[];
  /** What is logged, without the audit lines: a line for each bind would be most of it. */
  readonly log: readonly Line[];

  /** Where it listens, and its standard streams. */
  #ownSockets = 0;

  private constructor(child: ChildProcess, ended: Promise<Outcome>, log: readonly Line[], ports: readonly number[]) {
    this.#child = child;
    this.#ended = ended;
    this.log = log;
    this.#ports = ports;
  }

  static async start(serving: Serving = {}): Promise<Served> {
    const folder = serving.folder ?? (await installation());
    await configure(folder, serving);
    // The room that V8 gives to garbage before it looks after it, as Node 20 has it: later versions take several times as
    // much, and what is measured here is what is kept.
    const child = start(["serve"], { folder, env: { NODE_OPTIONS: "--max-semi-space-size=16" } });
    const ended = ending(child);
    const log: Line[] = [];
    const ready = new Promise<Line>((resolve, reject) => {
      createInterface({ input: child.stdout! }).on("line", (text) => {
        const line: Line = JSON.parse(text);
        if (!("audit" in line)) log.push(line);
        if (line.msg === "ready") resolve(line);
      });
      void ended.then(({ stderr }) => reject(new Error(`the server ended: ${stderr}`)));
    });
    const { listen } = await ready;
    const ports = (listen as string[]).map((url) => Number(/:(\d+)$/.exec(url)?.[1]));
    const served = new Served(child, ended, log, ports);
    onTestFinished(() => served.#stop());
    served.#ownSockets = (await served.figures()).sockets;
    return served;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get port(): number {
    return this.#ports[0]!;
  }

  /** Of the n-th address it listens on. */
  portOf(n: number): number {
    return this.#ports[n]!;
  }

  figures(): Promise<Figures> {
    return figuresOf(this.pid);
  }

  /** A client that is bound as an application. */
  async bound(application = wiki, localAddress?: string): Promise<RawClient> {
    const client = await RawClient.connect(this.port, localAddress);
    expect((await client.bind(application, password)).code).toBe(0);
    return client;
  }

  /** Until it has nothing to do: in a whole second it uses a twentieth of one. */
  async calm(withinSeconds: number): Promise<void> {
    let used = Number.POSITIVE_INFINITY;
    for (let n = 0; n < withinSeconds && used > 50; n++) {
      const { cpu } = await this.figures();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      used = (await this.figures()).cpu - cpu;
    }
    expect(used).toBeLessThanOrEqual(50);
  }

  /** Sockets of clients. */
  async connections(): Promise<number> {
    return (await this.figures()).sockets - this.#ownSockets;
  }

  /** Until so many connections are open: the kernel accepts them before the server does, and keeps them no longer. */
  async holds(connections: number, withinSeconds = 10): Promise<void> {
    await expect.poll(() => this.connections(), { timeout: withinSeconds * 1000, interval: 100 }).toBe(connections);
  }

  /**
   * Repeats something until once it leaves less than so many bytes of memory in use, and no descriptors: what is leaked
   * is leaked each time, while what is garbage for now, or kept for the next time, is not. Gives what each time left.
   */
  async leavesNothing(bytes: number, work: () => Promise<void>, { least = 1, most = 6 } = {}): Promise<number[]> {
    const before = await this.figures();
    const left: number[] = [];
    for (let { resident } = before; left.length < least || (left.length < most && Math.min(...left) >= bytes); ) {
      await work();
      const after = await this.figures();
      left.push(after.resident - resident);
      resident = after.resident;
      // A table of the store that is opened meanwhile is a descriptor too.
      expect(after.files).toBeLessThanOrEqual(before.files + 8);
    }
    expect(Math.min(...left)).toBeLessThan(bytes);
    return left;
  }

  /** Samples its memory from now on, ten times a second. */
  watched(): Watch {
    return new Watch(this.pid);
  }

  async #stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const tooLong = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    const { code, stderr } = await this.#ended;
    clearTimeout(tooLong);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(this.log.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
  }
}

/** Memory over a time, sample by sample. */
export class Watch {
  readonly samples: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    const sample = async () => {
      const resident = await residentOf(pid).catch(() => undefined);
      if (resident !== undefined) this.samples.push(resident);
    };
    this.#timer = setInterval(sample, 100);
  }

  /** The highest of them. */
  end(): number {
    clearInterval(this.#timer);
    return Math.max(...this.samples);
  }
}

/** Writes its configuration into `config` of the folder. */
export async function configure(
  folder: string,
  { limits = {}, listen = ["ldap://127.0.0.1:0"], server = "" }: Serving = {},
): Promise<void> {
  await write(
    folder,
    "config/server.yaml",
    `suffix: dc=example,dc=com
listen: ${JSON.stringify(listen)}
store: { path: data }
seed: seed.ldif
passwords: { cost: 4 }
limits: ${JSON.stringify(limits)}
${server}
`,
  );
  await write(folder, "config/applications.yaml", applications);
  await write(folder, "config/seed.ldif", seed);
}
