// The registered applications: by name, and by the addresses they may call from. The registry holds one immutable list
// at a time; replacing it is one assignment, and a request under way keeps what it began with.
import { isDeepStrictEqual } from "node:util";
import { type Dn, makeRdn } from "../model/dn.js";
import type { Schema } from "../model/schema.js";
import type { ApplicationSettings } from "../settings/application-settings.js";
import type { Channel } from "./channel.js";
import type { HostAddresses } from "./host-addresses.js";

export interface Application {
  readonly settings: ApplicationSettings;
  readonly name: string;
  /** What it binds as: cn=NAME,ou=applications,SUFFIX. */
  readonly dn: Dn;
}

/**
 * Whether two versions of an application let in the same users and show them the same: then whom the one let in stays
 * when the other takes its place.
 */
export function admitsAlike({ settings: one }: Application, { settings: other }: Application): boolean {
  return isDeepStrictEqual([one.login, one.view], [other.login, other.view]);
}

/** Where the applications stand in the tree. */
export function applicationsDn(suffix: Dn): Dn {
  return suffix.child(makeRdn([{ type: "ou", value: Buffer.from("applications") }]));
}

export class ApplicationRegistry {
  readonly base: Dn;
  readonly #schema: Schema;
  /** What the names among the addresses of applications stand for; undefined: nothing. */
  readonly #hosts: Pick<HostAddresses, "contains"> | undefined;
  #applications: readonly Application[] = [];
  #byDn: ReadonlyMap<string, Application> = new Map();

  constructor(
    suffix: Dn,
    schema: Schema,
    settings: readonly ApplicationSettings[],
    hosts?: Pick<HostAddresses, "contains" | "onChange">,
  ) {
    this.#schema = schema;
    this.#hosts = hosts;
    // Another list of the same: by it, sessions know that they have to look whether they may go on.
    hosts?.onChange(() => {
      this.#applications = Object.freeze([...this.#applications]);
    });
    this.base = applicationsDn(suffix);
    this.replace(settings);
  }

  /** Puts another list of applications in force. */
  replace(settings: readonly ApplicationSettings[]): void {
    const applications = settings.map((one) => ({
      settings: one,
      name: one.name,
      dn: this.#dnOf(one.name),
    }));
    this.#applications = Object.freeze(applications);
    this.#byDn = new Map(applications.map((application) => [application.dn.normal(this.#schema), application]));
  }

  get all(): readonly Application[] {
    return this.#applications;
  }

  /** The application that this DN names, enabled or not. */
  named(dn: Dn): Application | undefined {
    return this.#byDn.get(dn.normal(this.#schema));
  }

  /** Whether the DN stands where applications stand, registered or not. */
  isApplicationDn(dn: Dn): boolean {
    return dn.isBelow(this.base, this.#schema);
  }

  /** The application of this name, enabled or not. */
  withName(name: string): Application | undefined {
    return this.named(this.#dnOf(name));
  }

  #dnOf(name: string): Dn {
    return this.base.child(makeRdn([{ type: "cn", value: Buffer.from(name) }]));
  }

  /** The enabled applications that may call through this channel: by its address, or any where it has none. */
  candidates({ kind, address }: Channel): readonly Application[] {
    return this.#applications.filter(
      ({ settings }) => settings.enabled && (kind === "local" || this.#mayCallFrom(address, settings)),
    );
  }

  #mayCallFrom(address: string, { addresses, hosts }: ApplicationSettings): boolean {
    return (
      addresses.some((range) => range.contains(address)) || hosts.some((host) => this.#hosts?.contains(host, address))
    );
  }
}
