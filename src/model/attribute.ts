import type { AttributeDescription } from "./schema.js";

/** An attribute in its decoded form, as writes handle it: at least one value, each as bytes, in no order. */
export interface Attribute {
  readonly description: AttributeDescription;
  readonly values: readonly Buffer[];
}
