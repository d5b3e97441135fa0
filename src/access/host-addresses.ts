// What the host names of applications stand for: asked when the names come into use and again on a schedule, and kept.
// Whoever asks whether an address is a host's is answered from what is kept: a login never waits for the DNS.
import { lookup } from "node:dns/promises";
import { isDeepStrictEqual } from "node:util";
import { normalizeAddress } from "../settings/address-range.js";
import type { ApplicationSettings } from "../settings/application-settings.js";
import type { HostName } from "../settings/host-name.js";
import { type Log, silentLog } from "../telemetry/log.js";

/** The addresses of a name. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** Calls `run` again and again; returns what ends it. */
export type Schedule = (run: () => void, milliseconds: number) => () => void;

export interface HostAddressesOptions {
  readonly log?: Log;
  readonly lookup?: Lookup;
  readonly schedule?: Schedule;
}

/** How often the names are asked for, in milliseconds. */
const askEvery = 60_000;

/** How long whoever brings new names waits for their addresses, in milliseconds: a name server that is down holds nobody. */
const patience = 5000;

interface Known {
  readonly host: HostName;
  addresses: readonly string[];
  /** What the last answer was, if it was a fault. */
  fault?: string;
}

export class HostAddresses {
  readonly #log: Log;
  readonly #lookup: Lookup;
  readonly #unschedule: () => void;
  readonly #listeners: (() => void)[] = [];
  #known: ReadonlyMap<string, Known> = new Map();
  #isAsking = false;

  constructor({ log = silentLog, lookup = systemLookup, schedule = systemSchedule }: HostAddressesOptions = {}) {
    this.#log = log;
    this.#lookup = lookup;
    this.#unschedule = schedule(() => void this.#askAll(), askEvery);
  }

  /** The addresses of a host as far as they are known, in their one spelling. */
  of(host: HostName): readonly string[] {
    return this.#known.get(host.name)?.addresses ?? [];
  }

  contains(host: HostName, address: string): boolean {
    return this.of(host).includes(normalizeAddress(address));
  }

  /** Calls back when a host has other addresses than before. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Keeps these names, and no others; resolves when those that are new have been asked for, or after a while. */
  async keep(hosts: readonly HostName[]): Promise<void> {
    const before = this.#known;
    const next = new Map(
      hosts.map((host): [string, Known] => [host.name, before.get(host.name) ?? { host, addresses: [] }]),
    );
    const added = [...next.values()].filter(({ host }) => !before.has(host.name));
    if (added.length > 0) {
      // The names of before hold until what names the new ones is in force.
      this.#known = new Map([...before, ...next]);
      await atMost(
        patience,
        added.map((one) => this.#ask(one)),
      );
    }
    this.#known = next;
  }

  /** A round that takes longer than the time to the next one takes its place. */
  async #askAll(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    await Promise.all([...this.#known.values()].map((one) => this.#ask(one)));
    this.#isAsking = false;
  }

  /** Where there is no answer, what was known before stays; that is told when it begins and when it ends. */
  async #ask(known: Known): Promise<void> {
    const { name } = known.host;
    try {
      const addresses = [...new Set((await this.#lookup(name)).map(normalizeAddress))].sort();
      if (known.fault !== undefined) this.#log.info({ host: name, addresses }, "a host name is found again");
      delete known.fault;
      if (isDeepStrictEqual(addresses, known.addresses)) return;
      known.addresses = addresses;
      for (const listener of this.#listeners) listener();
    } catch (error) {
      const fault = (error as NodeJS.ErrnoException).code ?? String(error);
      if (known.fault === undefined && this.#known.get(name) === known) {
        const kept = known.addresses.length > 0 ? "its last addresses stay in use" : "nobody comes in by it";
        this.#log.warn({ host: name, fault, addresses: known.addresses }, `a host name is not found: ${kept}`);
      }
      known.fault = fault;
    }
  }

  close(): void {
    this.#unschedule();
  }
}

/** Of the applications that are enabled. */
export function hostsOf(applications: readonly ApplicationSettings[]): readonly HostName[] {
  return applications.flatMap(({ enabled, hosts }) => (enabled ? hosts : []));
}

/** Until all are done, or so many milliseconds are over. */
async function atMost(milliseconds: number, work: readonly Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([Promise.all(work), late]);
  clearTimeout(timer);
}

async function systemLookup(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

function systemSchedule(run: () => void, milliseconds: number): () => void {
  const timer = setInterval(run, milliseconds);
  timer.unref();
  return () => clearInterval(timer);
}
