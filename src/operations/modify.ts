// Modify (RFC 4511 4.6, increment: RFC 4525). Changes are applied in order, and only the outcome must obey the schema.
import { isDerived } from "../access/computed-attributes.js";
import { entryContent, isMembership, isNobody, isPassword, memberOf } from "../access/entry-content.js";
import type { View } from "../access/view.js";
import type { ViewTransaction } from "../access/view-transaction.js";
import type { VisibleEntry } from "../access/visible-entry.js";
import type { Authenticator } from "../auth/authenticator.js";
import type { Attribute } from "../model/attribute.js";
import { fail } from "../model/failure.js";
import { type Change, type ModifyRequest, type Result, success } from "../model/message.js";
import type { AttributeDescription, AttributeType, ObjectClass, Schema } from "../model/schema.js";
import { classesOf } from "../model/schema-check.js";
import { Secret } from "../model/secret.js";
import { valuesTried } from "../passwords/hasher.js";
import type { AttributeChanges } from "../telemetry/audit.js";
import { indexOfValue, requireRdn, writableDescription } from "./attributes.js";
import type { Context } from "./context.js";
import { write } from "./write.js";

interface ResolvedChange extends Change {
  readonly description: AttributeDescription;
}

export async function modify(request: ModifyRequest, context: Context): Promise<Result> {
  const { view, trail } = context;
  const { schema } = view;
  trail.target = request.dn.toString();
  view.permissions.requireSome("modify");
  const changes = request.changes.flatMap((change): ResolvedChange | [] => {
    const description = writableDescription(change.type, schema);
    view.permissions.requireWritable(description.type);
    if (change.values.length === 0 && (change.modification === "add" || change.modification === "increment")) {
      fail("protocolError", `${change.modification} of ${change.type} without values`);
    }
    if (!isMembership(description.type) || !change.values.some(isNobody)) return { ...change, description };
    const values = change.values.filter((value) => !isNobody(value));
    // A change about nobody changes nothing; without values it would mean everybody.
    return values.length > 0 || change.modification === "replace" ? { ...change, values, description } : [];
  });
  trail.attributes = [...new Set(changes.map(({ description }) => description.text))];
  trail.changes = changesOf(changes);
  // Passwords are hashed and verified before the writer is entered: others must not wait for it.
  const prepared = await preparePasswords(request, changes, context);
  await write(context, async (transaction) => {
    const entry = transaction.require(request.dn);
    if (changes.some(({ modification }) => modification === "replace")) {
      trail.changes = changesOf(changes, heldBy(entry, transaction));
    }
    await apply(transaction, entry, prepared, schema);
  });
  return success;
}

/**
 * For the audit line: what becomes of which attributes, by the kinds of modification. What is replaced where nothing
 * was is added, and what is replaced by nothing is deleted.
 */
function changesOf(
  changes: readonly ResolvedChange[],
  isHeld: (change: ResolvedChange) => boolean = () => true,
): AttributeChanges {
  const [added, replaced, deleted] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const change of changes) {
    const { description, modification, values } = change;
    if (modification === "add") added.add(description.text);
    else if (modification === "delete") deleted.add(description.text);
    else if (modification === "increment") replaced.add(description.text);
    else if (isHeld(change)) (values.length > 0 ? replaced : deleted).add(description.text);
    else if (values.length > 0) added.add(description.text);
  }
  const named = Object.entries({ added, replaced, deleted }).filter(([, names]) => names.size > 0);
  return Object.fromEntries(named.map(([kind, names]) => [kind, [...names]]));
}

/** Which attributes the entry has before the request. */
function heldBy(entry: VisibleEntry, transaction: ViewTransaction): (change: ResolvedChange) => boolean {
  const own = new Set(transaction.attributesOf(entry).map(({ description }) => description.text));
  const hasPasswords = transaction.passwordsOf(entry).length > 0;
  const hasMembers = transaction.hasMembers(entry);
  return ({ description }) => {
    if (isPassword(description.type)) return hasPasswords;
    return isMembership(description.type) ? hasMembers : own.has(description.text);
  };
}

/** Puts hashes in the place of clear text: new ones for what is added, the stored one for what is to be deleted. */
async function preparePasswords(
  request: ModifyRequest,
  changes: readonly ResolvedChange[],
  { view, services, cancellation }: Context,
): Promise<ResolvedChange[]> {
  if (!changes.some(({ description }) => isPassword(description.type))) return [...changes];
  const { authenticator } = services;
  const stored = await storedPasswords(request, view);
  requireFew(changes);
  const onlyClear = view.permissions.subject.kind === "user";
  const prepared: ResolvedChange[] = [];
  for (const change of changes) {
    if (!isPassword(change.description.type)) prepared.push(change);
    else if (change.modification === "delete") {
      const values: Buffer[] = [];
      for (const value of change.values) {
        if (cancellation.canceled) fail("canceled", "the operation was abandoned");
        values.push(await storedFor(value, stored, authenticator));
      }
      prepared.push({ ...change, values });
    } else
      prepared.push({ ...change, values: await authenticator.prepare(change.values, { onlyClear, cancellation }) });
  }
  return prepared;
}

/** More than can be stored cannot be meant, and each costs a hash or more: refused before the first. */
function requireFew(changes: readonly ResolvedChange[]): void {
  let [given, deleted] = [0, 0];
  for (const { description, modification, values } of changes) {
    if (!isPassword(description.type)) continue;
    if (modification === "delete") deleted += values.length;
    else given += values.length;
  }
  if (Math.max(given, deleted) > valuesTried) {
    fail("constraintViolation", `userPassword has at most ${valuesTried} values`);
  }
}

/** The present hashes. Whoever lacks the right to change them learns it before a password is tried or hashed. */
async function storedPasswords(request: ModifyRequest, view: View): Promise<readonly Buffer[]> {
  const reading = await view.read();
  try {
    const entry = reading.require(request.dn);
    if (entry.isOutline) view.permissions.requireWithin(entry.dn, "modify");
    if (!view.isOwn(entry)) view.permissions.require("modify", entry.stored.kind);
    return reading.passwordsOf(entry).map((hash) => Buffer.from(hash));
  } finally {
    reading.release();
  }
}

/** The stored hash that a value to be deleted means: itself, or the one that it is the password of. */
async function storedFor(value: Buffer, stored: readonly Buffer[], authenticator: Authenticator): Promise<Buffer> {
  const same = stored.find((hash) => hash.equals(value));
  if (same) return same;
  for (const hash of stored) if (await authenticator.verify(new Secret(Buffer.from(value)), [hash])) return hash;
  return fail("noSuchAttribute", "userPassword has not the value to be deleted");
}

async function apply(
  transaction: ViewTransaction,
  entry: VisibleEntry,
  changes: readonly ResolvedChange[],
  schema: Schema,
): Promise<void> {
  const changed = new Set(changes.map(({ description }) => description.text));
  const own = changes.filter(({ description }) => !isPassword(description.type) && !isMembership(description.type));
  const passwords = changes.filter(({ description }) => isPassword(description.type));
  const memberships = changes.filter(({ description }) => isMembership(description.type));
  const isPasswordOnly = passwords.length > 0 && own.length === 0 && memberships.length === 0;
  if (!isPasswordOnly) transaction.requireModify(entry);
  if (changes.length === 0) return;
  let attributes = transaction.attributesOf(entry);
  for (const change of own) attributes = applied(attributes, change, schema);
  if (passwords.length > 0) setPasswords(transaction, entry, passwords);
  for (const change of memberships) await changeMembers(transaction, entry, change);
  if (own.length > 0) requireRdn(attributes, entry.dn.rdn!, schema);
  if (changed.has("objectClass")) {
    requireStructural(attributes, entry, schema);
    requireSettledUnseen(attributes, transaction.attributesOf(entry), transaction, schema);
  }
  const toCheck = [
    ...membershipsToCheck(transaction, entry, memberships),
    ...passwordsToCheck(transaction, entry, passwords),
  ];
  const content = entryContent([...attributes, ...toCheck], schema, changed, (type) =>
    transaction.permissions.shows(type),
  );
  // What is no group has no members but those that this very request gave it.
  const mayHaveMembers = entry.stored.kind === "group" || memberships.length > 0;
  if (content.kind !== "group" && entry.stored.kind === "group") transaction.permissions.requireUngrouping();
  if (content.kind !== "group" && mayHaveMembers && (await transaction.keepsMembers(entry))) {
    fail("objectClassViolation", "objectClass: the entry has members, so it has to stay a group");
  }
  if (content.structural !== entry.stored.structural) {
    fail(
      "objectClassModsProhibited",
      `the structural object class ${entry.stored.structural} cannot become ${content.structural}`,
    );
  }
  if (isPasswordOnly) await transaction.touch(entry, [...changed]);
  else await transaction.replace(entry, content, [...changed]);
}

/** Said first: what else a change of the structural class breaks follows from it. */
function requireStructural(attributes: readonly Attribute[], entry: VisibleEntry, schema: Schema): void {
  const { structural } = entry.stored;
  const values = attributes.find(({ description }) => description.text === "objectClass")?.values ?? [];
  const classes = classesOf(values, schema).flatMap(({ lineage }) => lineage);
  if (classes.some(({ name }) => name === structural) || !classes.some(({ kind }) => kind === "STRUCTURAL")) return;
  fail("objectClassModsProhibited", `the structural object class ${structural} cannot become another one`);
}

/**
 * Fails where classes come or go that ask for, or allow, attributes that are hidden from who changes them, whether or not
 * the entry has any: whether it has must not decide what is answered.
 */
function requireSettledUnseen(
  after: readonly Attribute[],
  before: readonly Attribute[],
  { permissions }: ViewTransaction,
  schema: Schema,
): void {
  const named = (attributes: readonly Attribute[]) =>
    classesOf(attributes.find(({ description }) => description.text === "objectClass")?.values ?? [], schema).flatMap(
      ({ lineage }) => lineage,
    );
  const [classes, classesBefore] = [named(after), named(before)];
  // RFC 4512 4.3: it allows every attribute.
  const allowsAll = (list: readonly ObjectClass[]) => list.some(({ name }) => name === "extensibleObject");
  const unseen = (types: readonly AttributeType[]) =>
    types.filter((type) => !permissions.shows(type) && !type.isOperational && !isDerived(type));
  const allowed = new Set(classes.flatMap(({ must, may }) => [...must, ...may]));
  const lost = unseen(classesBefore.flatMap(({ must, may }) => [...must, ...may])).some((type) => !allowed.has(type));
  const required = new Set(classesBefore.flatMap(({ must }) => must));
  const asked = unseen(classes.flatMap(({ must }) => must)).some((type) => !required.has(type));
  const hidesSome = permissions.hidesStored && allowsAll(classesBefore);
  if (asked || (!allowsAll(classes) && (lost || hidesSome))) {
    fail("objectClassViolation", "objectClass: attributes that are not shown here do not allow this change of classes");
  }
}

/** One value stands for all, so that the schema can say whether this entry may have members at all. */
function membershipsToCheck(
  transaction: ViewTransaction,
  entry: VisibleEntry,
  changes: readonly ResolvedChange[],
): Attribute[] {
  const added = changes.find(({ modification, values }) => modification !== "delete" && values.length > 0);
  if (!added || !transaction.hasMembers(entry)) return [];
  return [{ description: added.description, values: added.values.slice(0, 1) }];
}

/** One stored password, so that the schema can say whether this entry may have any. */
function passwordsToCheck(
  transaction: ViewTransaction,
  entry: VisibleEntry,
  changes: readonly ResolvedChange[],
): Attribute[] {
  const [change] = changes;
  const values = change ? transaction.passwordsOf(entry) : [];
  return change && values.length > 0 ? [{ description: change.description, values: values.slice(0, 1) }] : [];
}

/** One change on decoded attributes. */
function applied(attributes: readonly Attribute[], change: ResolvedChange, schema: Schema): Attribute[] {
  const { description, modification } = change;
  const at = attributes.findIndex((attribute) => attribute.description.text === description.text);
  const present = at < 0 ? [] : attributes[at]!.values;
  const outcome = changedValues[modification](present, change, schema);
  const rest = [...attributes];
  if (outcome.length === 0) return at < 0 ? rest : rest.filter((_, n) => n !== at);
  const attribute = { description, values: outcome };
  if (at < 0) rest.push(attribute);
  else rest[at] = attribute;
  return rest;
}

const integerSyntax = "1.3.6.1.4.1.1466.115.121.1.27";

type ChangeValues = (present: readonly Buffer[], change: ResolvedChange, schema: Schema) => readonly Buffer[];

const changedValues: Readonly<Record<Change["modification"], ChangeValues>> = {
  add(present, { description, values }, schema) {
    for (const value of values) {
      if (indexOfValue(present, value, description.type, schema) >= 0) {
        fail("attributeOrValueExists", `${description.text} has this value already`);
      }
    }
    return [...present, ...values];
  },
  delete(present, { description, values }, schema) {
    if (present.length === 0) fail("noSuchAttribute", `the entry has no ${description.text}`);
    if (values.length === 0) return [];
    const left = [...present];
    for (const value of values) {
      const at = indexOfValue(left, value, description.type, schema);
      if (at < 0) fail("noSuchAttribute", `${description.text} has not the value to be deleted`);
      left.splice(at, 1);
    }
    return left;
  },
  replace: (_present, { values }) => values,
  increment(present, { description, values }) {
    // RFC 4525 3: only where the syntax is INTEGER, whatever the values look like.
    if (description.type.syntax.oid !== integerSyntax) {
      fail("constraintViolation", `${description.text} is not of the syntax INTEGER`);
    }
    // RFC 4525 3: one value, an integer, added to every present value.
    const [by, ...more] = values;
    if (!by || more.length > 0 || !isInteger(by)) fail("protocolError", "increment takes exactly one integer");
    if (present.length === 0) fail("noSuchAttribute", `the entry has no ${description.text}`);
    if (!present.every(isInteger)) fail("constraintViolation", `${description.text} is not an integer`);
    return present.map((value) => Buffer.from(String(BigInt(value.toString()) + BigInt(by!.toString()))));
  },
};

/** At most so many digits: an integer grows by changes, and must not grow without end. */
function isInteger(value: Buffer): boolean {
  return /^-?\d{1,100}$/.test(value.toString("latin1"));
}

function setPasswords(transaction: ViewTransaction, entry: VisibleEntry, changes: readonly ResolvedChange[]): void {
  let stored: Buffer[] = transaction.passwordsOf(entry);
  for (const { modification, values } of changes) {
    if (modification === "add") stored = [...stored, ...values];
    else if (modification === "replace") stored = [...values];
    else if (modification === "delete") stored = withoutPasswords(stored, values);
    else fail("constraintViolation", "userPassword is not an integer");
  }
  if (stored.length > valuesTried) fail("constraintViolation", `userPassword has at most ${valuesTried} values`);
  transaction.setPasswords(entry, stored);
}

function withoutPasswords(stored: readonly Buffer[], values: readonly Buffer[]): Buffer[] {
  if (stored.length === 0) fail("noSuchAttribute", "the entry has no userPassword");
  if (values.length === 0) return [];
  for (const value of values) {
    if (!stored.some((hash) => hash.equals(value)))
      fail("noSuchAttribute", "userPassword has not the value to be deleted");
  }
  return stored.filter((hash) => !values.some((value) => value.equals(hash)));
}

async function changeMembers(
  transaction: ViewTransaction,
  group: VisibleEntry,
  { modification, description, values }: ResolvedChange,
): Promise<void> {
  const { type } = description;
  let names = values.map((value) => memberOf(type, value));
  if (modification === "increment") fail("constraintViolation", `${type.name} is not an integer`);
  if (modification === "replace" || (modification === "delete" && values.length === 0)) {
    const kind = type.name === "memberUid" ? "uid" : "dn";
    const indirect = await transaction.indirectMembers(group, kind);
    if (indirect.some((member) => !names.some((name) => transaction.isNameOf(name, member)))) {
      fail("noSuchAttribute", `${type.name} would keep a value that comes from a group in this one: change that group`);
    }
    // Whoever writes back the list that it read means nobody to be taken out of the groups in between.
    names = names.filter((name) => !indirect.some((member) => transaction.isNameOf(name, member)));
    const removed = await transaction.removeMembers(group, kind);
    if (!removed && modification === "delete") fail("noSuchAttribute", `the entry has no ${type.name}`);
  }
  for (const name of names) {
    if (modification === "delete") {
      if (!(await transaction.removeMember(group, name)))
        fail("noSuchAttribute", `${type.name} has not the value to be deleted`);
    } else if (!transaction.addMember(group, name)) {
      fail("attributeOrValueExists", `${type.name} has this value already`);
    }
  }
}
