// Add (RFC 4511 4.7).
import { entryContent, isPassword } from "../access/entry-content.js";
import type { Attribute } from "../model/attribute.js";
import { fail } from "../model/failure.js";
import { type AddRequest, type Result, success } from "../model/message.js";
import { expandObjectClasses } from "../model/schema-check.js";
import { requireNameable, withRdn, writableDescription } from "./attributes.js";
import type { Context } from "./context.js";

export async function add(request: AddRequest, { view, services, trail }: Context): Promise<Result> {
  const { schema } = view;
  trail.target = request.dn.toString();
  view.permissions.requireSession();
  const { rdn } = request.dn;
  if (!rdn) return fail("unwillingToPerform", "the root DSE cannot be added");
  requireNameable(rdn, schema);
  const given = request.attributes.map(({ type, values }): Attribute => {
    if (values.length === 0) fail("protocolError", `${type} has no values; an attribute to be added has at least one`);
    return { description: writableDescription(type, schema), values };
  });
  const attributes = withRdn(given, rdn, schema).map(
    (attribute): Attribute =>
      attribute.description.type.name === "objectClass"
        ? { ...attribute, values: expandObjectClasses(attribute.values, schema) }
        : attribute,
  );
  trail.attributes = given.map(({ description }) => description.text);
  const content = entryContent(attributes, schema);
  // Whoever lacks the right learns it before a password is hashed for nothing.
  view.permissions.require("add", content.kind);
  const hasPassword = attributes.some(({ description }) => isPassword(description.type));
  const passwords = hasPassword ? await services.authenticator.prepare(content.passwords) : [];
  await view.update((transaction) => transaction.add(request.dn, { ...content, passwords }));
  return success;
}
