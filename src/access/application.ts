// The registered applications: by name, and by the addresses they may call from. The registry holds one immutable list
// at a time; replacing it is one assignment, and a request under way keeps what it began with.
import { isDeepStrictEqual } from "node:util";
import { type Dn, makeRdn } from "../model/dn.js";
import type { Schema } from "../model/schema.js";
import { type ApplicationSettings, applicationKey } from "../settings/application-settings.js";
import type { HostName } from "../settings/host-name.js";
import { type Channel, isConfidential } from "./channel.js";
import { Contact } from "./contact.js";
import type { HostAddresses } from "./host-addresses.js";

export interface Application {
  readonly settings: ApplicationSettings;
  readonly name: string;
  /** What it binds as: cn=NAME,ou=applications,SUFFIX. */
  readonly dn: Dn;
  /** The same for every version of it that is put in force. */
  readonly contact: Contact;
}

/**
 * Whether two versions of an application let in the same users and show them the same: then whom the one let in stays
 * when the other takes its place.
 */
export function admitsAlike({ settings: one }: Application, { settings: other }: Application): boolean {
  // What refusals are to say lets nobody in. Names are compared as text: they keep to themselves what they are made of.
  const rules = ({ login, view, rights: { readable, subtrees } }: ApplicationSettings) => [
    login && { ...login, message: undefined },
    view,
    readable,
    subtrees?.map(String),
  ];
  return isDeepStrictEqual(rules(one), rules(other));
}

/** What keeps a channel from an application, as the audit line says it. */
export type Barrier = "application disabled" | "address not among the application's" | "TLS required";

/** Where the applications stand in the tree. */
export function applicationsDn(suffix: Dn): Dn {
  return suffix.child(makeRdn([{ type: "ou", value: Buffer.from("applications") }]));
}

export class ApplicationRegistry {
  readonly base: Dn;
  readonly #schema: Schema;
  /** What the names among the addresses of applications stand for; undefined: nothing. */
  readonly #hosts: Pick<HostAddresses, "contains" | "of"> | undefined;
  #applications: readonly Application[] = [];
  #byDn: ReadonlyMap<string, Application> = new Map();
  /** By key of the name; one that was removed may come again. */
  readonly #contacts = new Map<string, Contact>();

  constructor(
    suffix: Dn,
    schema: Schema,
    settings: readonly ApplicationSettings[],
    hosts?: Pick<HostAddresses, "contains" | "of" | "onChange">,
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
      contact: this.#contactOf(one.name),
    }));
    this.#applications = Object.freeze(applications);
    this.#byDn = new Map(applications.map((application) => [application.dn.normal(this.#schema), application]));
  }

  #contactOf(name: string): Contact {
    const key = applicationKey(name);
    const contact = this.#contacts.get(key) ?? new Contact();
    this.#contacts.set(key, contact);
    return contact;
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

  /** The DN of the application in whose branch a DN below `base` stands: its own, or one above it. */
  ownerOf(dn: Dn): Dn {
    let owner = dn;
    while (owner.depth > this.base.depth + 1) owner = owner.parent!;
    return owner;
  }

  /** The application of this name, enabled or not. */
  withName(name: string): Application | undefined {
    return this.named(this.#dnOf(name));
  }

  #dnOf(name: string): Dn {
    return this.base.child(makeRdn([{ type: "cn", value: Buffer.from(name) }]));
  }

  /**
   * The enabled applications that may call through this channel: by its address, or any where it has none. One that
   * requires TLS is not among them in the clear.
   */
  candidates(channel: Channel): readonly Application[] {
    return this.#applications.filter((application) => this.barrier(application, channel) === undefined);
  }

  /** Why an application cannot be entered through this channel, by itself or by its users; undefined: it can. */
  barrier({ settings }: Application, channel: Channel): Barrier | undefined {
    if (!settings.enabled) return "application disabled";
    if (channel.kind !== "local" && !this.#mayCallFrom(channel.address, settings)) {
      return "address not among the application's";
    }
    return settings.requireTls && !isConfidential(channel) ? "TLS required" : undefined;
  }

  /** The host among the application's addresses that has this one. */
  hostAt({ settings }: Application, address: string): HostName | undefined {
    return settings.hosts.find((host) => this.#hosts?.contains(host, address));
  }

  /** What a host stands for, as far as that is known. */
  addressesOf(host: HostName): readonly string[] {
    return this.#hosts?.of(host) ?? [];
  }

  #mayCallFrom(address: string, { addresses, hosts }: ApplicationSettings): boolean {
    return (
      addresses.some((range) => range.contains(address)) || hosts.some((host) => this.#hosts?.contains(host, address))
    );
  }
}
