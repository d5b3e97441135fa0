// Change records of LDIF (RFC 2849: delete, modify, modrdn) as the requests that they are, carried out by the operations
// themselves with the rights of an administrator. What they write has no creatorsName and modifiersName: nobody bound.
import { type Application, ApplicationRegistry } from "../access/application.js";
import { ApplicationMirror } from "../access/application-mirror.js";
import { ComputedAttributes } from "../access/computed-attributes.js";
import { Contact } from "../access/contact.js";
import { Permissions, type Subject } from "../access/permissions.js";
import { View } from "../access/view.js";
import { Authenticator } from "../auth/authenticator.js";
import type { LdifDelete, LdifModify, LdifModifyDn } from "../ldif/ldif-record.js";
import { Dn, Rdn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import type { Limits } from "../model/limits.js";
import type { DeleteRequest, ModifyDnRequest, ModifyRequest } from "../model/message.js";
import { writableDescription } from "../operations/attributes.js";
import type { Caller, Context } from "../operations/context.js";
import { perform } from "../operations/operations.js";
import { PageWalks } from "../operations/page-walks.js";
import type { PasswordHasher } from "../passwords/hasher.js";
import { accessPresets } from "../settings/application-settings.js";
import type { LevelStore } from "../store/level-store.js";
import type { EntryReader } from "./entry-reader.js";

export type ChangeRecord = LdifDelete | LdifModify | LdifModifyDn;
type ChangeRequest = DeleteRequest | ModifyRequest | ModifyDnRequest;

/** The request that a record is. Fails where it can be seen without the directory that it is none. */
export function requestOf(record: ChangeRecord, names: EntryReader): ChangeRequest {
  const critical = record.controls.find((control) => control.critical);
  if (critical) fail("unavailableCriticalExtension", `the control ${critical.oid} has no meaning here`);
  const message = { id: 1, controls: [], dn: names.name(record.dn) };
  switch (record.kind) {
    case "delete":
      return { ...message, operation: "delete" };
    case "modify":
      for (const { type } of record.changes) writableDescription(type, names.schema);
      return { ...message, operation: "modify", changes: record.changes };
    case "modifyDn": {
      const { newRdn, deleteOldRdn, newSuperior } = record;
      const superior = newSuperior && names.name(newSuperior);
      return { ...message, operation: "modifyDn", newRdn: Rdn.parse(newRdn), deleteOldRdn, newSuperior: superior };
    }
  }
}

export class ChangeRecords {
  readonly #context: () => Context;

  constructor(store: LevelStore, hasher: PasswordHasher, limits: Limits) {
    const { schema, suffix, clock } = store;
    const applications = new ApplicationRegistry(suffix, schema, []);
    const mirror = new ApplicationMirror(applications, schema, clock());
    const computed = new ComputedAttributes(schema);
    const directory = { store, applications, mirror, computed, clock };
    const services = { directory, applications, authenticator: new Authenticator(hasher), limits, clock };
    const subject: Subject = { kind: "application", application: administrator };
    const view = new View(directory, new Permissions(subject, schema, computed));
    const caller: Caller = {
      channel: { kind: "local", address: "local" },
      subject,
      application: administrator,
      walks: new PageWalks(limits),
      limits,
      inFlight: 0,
      isConnectionOf: () => true,
      become() {},
      cancel: () => ({ code: "noSuchOperation" }),
      beginTls() {},
    };
    this.#context = () => ({ services, caller, view, trail: {}, cancellation: { canceled: false } });
  }

  /** Carries it out; throws LdapError where it is refused. */
  async apply(request: ChangeRequest): Promise<void> {
    await perform(request, this.#context());
  }
}

/** Whoever can open the store may do everything to it. */
const administrator: Application = {
  name: "gatehouse import",
  dn: Dn.root,
  settings: {
    name: "gatehouse import",
    passwords: [],
    addresses: [],
    hosts: [],
    rights: accessPresets.admin,
    enabled: true,
    requireTls: false,
    limits: {},
  },
  contact: new Contact(),
};
