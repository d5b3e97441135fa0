// Entries that stand outside the tree: the root DSE and the subschema subentry. They answer filters and selections like
// any other, and every one of their attributes is sent when all are asked for, as clients expect of them.

import { BerWriter } from "../ber/writer.js";
import { encodeAttributeList } from "../model/attribute-list.js";
import { Dn } from "../model/dn.js";
import { compileFilter, matchFilter } from "../model/filter-match.js";
import type { EntryBatch, SearchRequest } from "../model/message.js";
import type { Schema } from "../model/schema.js";
import { type Selectable, Selection, type SelectionScope } from "./selection.js";

export class StaticEntry implements Selectable {
  readonly dnText: string;
  readonly dn: Dn;
  readonly bytes: Buffer;
  readonly attributesStart = 0;

  /** Attributes that the schema does not know are a mistake in the program. */
  constructor(dn: string, attributes: Readonly<Record<string, readonly string[]>>, schema: Schema) {
    this.dnText = dn;
    this.dn = Dn.parse(dn);
    this.bytes = encodeAttributeList(
      Object.entries(attributes).map(([name, values]) => {
        const description = schema.describe(name);
        if (!description) throw new Error(`the schema lacks ${name}`);
        return { description, values: values.map((value) => Buffer.from(value)) };
      }),
    );
  }

  get attributesEnd(): number {
    return this.bytes.length;
  }

  computedValues(): readonly Buffer[] {
    return [];
  }

  computed(): readonly Buffer[] {
    return [];
  }

  computedHas(): undefined {
    return undefined;
  }

  computedPresent(): undefined {
    return undefined;
  }

  spells(): boolean {
    return false;
  }
}

/** The batch that answers a base search of this entry: one entry or none. */
export function staticAnswer(entry: StaticEntry, request: SearchRequest, schema: Schema): EntryBatch {
  const scope: SelectionScope = { schema, isComputed: () => false, isReadable: () => true };
  if (matchFilter(compileFilter(request.filter, scope), entry, schema) !== true)
    return { bytes: Buffer.alloc(0), ends: [] };
  // RFC 3673 would keep operational attributes back from `*`; Jenkins and others look for them there.
  const asksForAll = request.attributes.some((name) => name === "+");
  const selection = new Selection(asksForAll ? [] : request.attributes, request.typesOnly, scope, {
    hidesStored: false,
  });
  const writer = new BerWriter(4096);
  selection.write(entry, writer);
  const bytes = writer.finish();
  return { bytes, ends: [bytes.length] };
}
