// Add (RFC 4511 4.7).
import { entryContent, isPassword } from "../access/entry-content.js";
import type { Attribute } from "../model/attribute.js";
import type { Rdn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import { type AddRequest, type Result, success } from "../model/message.js";
import type { AttributeType, Schema } from "../model/schema.js";
import { expandObjectClasses } from "../model/schema-check.js";
import { valuesTried } from "../passwords/hasher.js";
import { requireNameable, requireShownName, withRdn, writableDescription } from "./attributes.js";
import type { Context } from "./context.js";
import { write } from "./write.js";

export async function add(request: AddRequest, context: Context): Promise<Result> {
  const { view, services, trail, cancellation } = context;
  const { schema } = view;
  trail.target = request.dn.toString();
  view.permissions.requireSome("add");
  const { rdn } = request.dn;
  if (!rdn) return fail("unwillingToPerform", "the root DSE cannot be added");
  requireNameable(rdn, schema);
  requireShownName(rdn, schema, view.permissions);
  const given = request.attributes.map(({ type, values }): Attribute => {
    if (values.length === 0) fail("protocolError", `${type} has no values; an attribute to be added has at least one`);
    const description = writableDescription(type, schema);
    if (!takesAlong(description.type, rdn, schema)) view.permissions.requireWritable(description.type);
    else view.permissions.requireShown(description.type);
    return { description, values };
  });
  const named = withRdn(given, rdn, schema).map(
    (attribute): Attribute =>
      attribute.description.type.name === "objectClass"
        ? { ...attribute, values: expandObjectClasses(attribute.values, schema) }
        : attribute,
  );
  const attributes = withCommonName(named, schema);
  trail.attributes = given.map(({ description }) => description.text);
  const content = entryContent(attributes, schema);
  if (content.passwords.length > valuesTried) {
    fail("constraintViolation", `userPassword has at most ${valuesTried} values`);
  }
  // Whoever lacks the right learns it before a password is hashed for nothing.
  view.permissions.require("add", content.kind);
  const hasPassword = attributes.some(({ description }) => isPassword(description.type));
  const passwords = hasPassword ? await services.authenticator.prepare(content.passwords, { cancellation }) : [];
  await write(context, (transaction) => transaction.add(request.dn, { ...content, passwords }));
  return success;
}

/** The class and the name of an entry are part of the right to add it: nothing can be added without them. */
function takesAlong(type: AttributeType, rdn: Rdn, schema: Schema): boolean {
  return type.name === "objectClass" || rdn.assertions.some((one) => schema.attributeType(one.type) === type);
}

/** Crowd and its kind add users by uid and sn alone: the name that the schema asks of a person follows from the others. */
function withCommonName(attributes: readonly Attribute[], schema: Schema): readonly Attribute[] {
  const first = (name: string) => attributes.find(({ description }) => description.text === name)?.values[0];
  const isPerson = attributes.some(
    ({ description, values }) =>
      description.type.name === "objectClass" && values.some((value) => value.toString() === "person"),
  );
  const description = schema.describe("cn");
  if (!isPerson || !description || attributes.some((one) => one.description.type === description.type))
    return attributes;
  const fullName = [first("givenName"), first("sn")].flatMap((value) => value?.toString() ?? []).join(" ");
  const value = first("displayName") ?? (fullName === "" ? first("uid") : Buffer.from(fullName));
  return value ? [...attributes, { description, values: [value] }] : attributes;
}
