// Numbers of attribute types in index keys: given once, and the same for the life of the store.
import type { AttributeType, Schema } from "../model/schema.js";
import { numberedTypes } from "./indexes.js";
import { keys } from "./keys.js";
import { type Rows, rangeOf } from "./rows.js";

/** The number of every type that has one; rows for those that are new are added to `changes`. */
export async function numberTypes(
  rows: Rows,
  schema: Schema,
  changes: Map<string, Buffer | undefined>,
): Promise<Map<AttributeType, number>> {
  const known = new Map<string, number>();
  const snapshot = rows.snapshot();
  for await (const found of rangeOf(snapshot, "a")) {
    for (const { key, value } of found) known.set(key.slice(1), value.readUInt16BE(0));
  }
  snapshot.release();
  const numbers = new Map<AttributeType, number>();
  let last = Math.max(0, ...known.values());
  for (const type of numberedTypes(schema)) {
    const number = known.get(type.oid) ?? ++last;
    numbers.set(type, number);
    if (known.has(type.oid)) continue;
    const value = Buffer.allocUnsafe(2);
    value.writeUInt16BE(number);
    changes.set(keys.attribute(type.oid), value);
  }
  return numbers;
}
