// Modify DN (RFC 4511 4.9): renames an entry, moves it, or both, with everything below it.
import { entryContent } from "../access/entry-content.js";
import type { Attribute } from "../model/attribute.js";
import { Dn, type Rdn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import { type ModifyDnRequest, type Result, success } from "../model/message.js";
import type { Schema } from "../model/schema.js";
import { indexOfValue, requireNameable, requireWritableName, withRdn } from "./attributes.js";
import type { Context } from "./context.js";
import { write } from "./write.js";

export async function modifyDn(request: ModifyDnRequest, context: Context): Promise<Result> {
  const { view, trail } = context;
  const { schema } = view;
  trail.target = request.dn.toString();
  trail.detail = newNameOf(request);
  view.permissions.requireSome("modify");
  requireNameable(request.newRdn, schema);
  requireWritableName(request.newRdn, schema, view.permissions);
  const changes = namingChanges(request, schema);
  trail.changes = changes;
  trail.attributes = [...new Set([...changes.added, ...changes.deleted])];
  await write(context, (transaction) => {
    const entry = transaction.require(request.dn);
    const oldRdn = entry.dn.rdn;
    if (!oldRdn || entry.dn.equals(view.suffix, schema)) {
      return fail("unwillingToPerform", "the entry of the suffix cannot be renamed");
    }
    transaction.requireModify(entry);
    if (request.deleteOldRdn) requireWritableName(oldRdn, schema, view.permissions);
    const before = transaction.attributesOf(entry);
    const kept = request.deleteOldRdn ? withoutRdn(before, oldRdn, schema) : before;
    const content = entryContent(withRdn(kept, request.newRdn, schema), schema, undefined, (type) =>
      view.permissions.shows(type),
    );
    return transaction.move(entry, request.newRdn, request.newSuperior, content);
  });
  return success;
}

function newNameOf({ dn, newRdn, newSuperior }: ModifyDnRequest): string {
  return (newSuperior ?? dn.parent ?? Dn.root).child(newRdn).toString();
}

/** For the audit line: what a renaming does to the attributes that name the entry. */
function namingChanges({ dn, newRdn, deleteOldRdn }: ModifyDnRequest, schema: Schema) {
  const namesIn = (rdn: Rdn | undefined) =>
    (rdn?.assertions ?? []).map(({ type }) => schema.describe(type)?.text ?? type);
  return { added: namesIn(newRdn), deleted: deleteOldRdn ? namesIn(dn.rdn) : [] };
}

/** The attributes without the values of the old name; those of the new one are added after. */
function withoutRdn(attributes: readonly Attribute[], rdn: Rdn, schema: Schema): Attribute[] {
  let left: Attribute[] = [...attributes];
  for (const { type: name, value } of rdn.assertions) {
    const description = schema.describe(name);
    left = left.map((attribute) => {
      if (!description || attribute.description.text !== description.text) return attribute;
      const at = indexOfValue(attribute.values, value, description.type, schema);
      return at < 0 ? attribute : { ...attribute, values: attribute.values.filter((_, n) => n !== at) };
    });
  }
  return left.filter(({ values }) => values.length > 0);
}
