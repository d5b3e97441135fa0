// Entries that stand outside the tree: the root DSE and the subschema subentry. They answer filters and selections like
// any other, and every one of their attributes is sent when all are asked for, as clients expect of them.

import { BerWriter } from "../ber/writer.js";
import { encodeAttributeList } from "../model/attribute-list.js";
import { Dn } from "../model/dn.js";
import { fail } from "../model/failure.js";
import type { Filter } from "../model/filter.js";
import { compileFilter, matchFilter } from "../model/filter-match.js";
import type { EntryBatch, SearchRequest } from "../model/message.js";
import type { Schema } from "../model/schema.js";
import { type Selectable, Selection, type SelectionScope } from "./selection.js";

export class StaticEntry implements Selectable {
  readonly kind = "other";
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

  computedEncoded(): undefined {
    return undefined;
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

/** Parts of a filter that may be asked of such an entry: anybody may ask, and some of its values are long to compare. */
const mostParts = 64;

function partsOf(filter: Filter): number {
  if (filter.kind === "not") return 1 + partsOf(filter.filter);
  if (filter.kind !== "and" && filter.kind !== "or") return 1;
  return filter.filters.reduce((sum, part) => sum + partsOf(part), 1);
}

/** The batch that answers a base search of this entry: one entry or none. */
export function staticAnswer(entry: StaticEntry, request: SearchRequest, schema: Schema): EntryBatch {
  if (partsOf(request.filter) > mostParts) {
    fail(
      "adminLimitExceeded",
      `a filter of more than ${mostParts} parts; the root DSE and the subschema are asked with less`,
    );
  }
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
