// Connections by the thousand, which all do the same; they live in a process of their own (crowd-process.mjs).
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { type Response, readResponse } from "../support/raw-client.js";

const program = fileURLToPath(new URL("crowd-process.mjs", import.meta.url));

/** What some of them heard, all the same: nothing, or one response. */
export interface Heard {
  readonly response: Response | undefined;
  readonly count: number;
}

type Counts = readonly (readonly [hex: string, count: number])[];

export class Crowd {
  readonly #child: ChildProcess;

  /** Empty; gone at the end of the test. */
  constructor() {
    this.#child = fork(program, { stdio: "inherit" });
    onTestFinished(async () => {
      if (this.#child.connected) this.#child.disconnect();
      if (this.#child.exitCode === null) await once(this.#child, "exit");
    });
  }

  async #tell(command: object): Promise<unknown> {
    this.#child.send(command);
    const [{ outcome }] = await once(this.#child, "message");
    return outcome;
  }

  /** So many more, all of them connected, from these addresses by turns. */
  async open(port: number, count: number, addresses: readonly string[] = ["127.0.0.1"]): Promise<void> {
    expect(await this.#tell({ does: "open", port, count, addresses })).toBe(0);
  }

  /** Each asks this and waits for its answer, which is a short one. */
  async ask(question: Buffer): Promise<readonly Heard[]> {
    return heard((await this.#tell({ does: "ask", bytes: question.toString("hex") })) as Counts);
  }

  /** Each says this and waits for nothing. */
  async say(bytes: Buffer): Promise<void> {
    await this.#tell({ does: "say", bytes: bytes.toString("hex") });
  }

  /** What each was told until the server closed its connection. The crowd is empty then. */
  async hear(): Promise<readonly Heard[]> {
    return heard((await this.#tell({ does: "hear" })) as Counts);
  }

  /** All leave with an RST. */
  async reset(): Promise<void> {
    await this.#tell({ does: "reset" });
  }
}

function heard(counts: Counts): Heard[] {
  return counts.map(([hex, count]) => ({
    response: hex === "" ? undefined : readResponse(Buffer.from(hex, "hex")),
    count,
  }));
}
