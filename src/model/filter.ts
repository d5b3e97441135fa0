// Search filters (RFC 4511 4.5.1.7) as a tree of plain values. Text form: filter-text.ts. Meaning: filter-match.ts.

export type Filter =
  | { readonly kind: "and"; readonly filters: readonly Filter[] }
  | { readonly kind: "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | {
      readonly kind: "equality" | "greaterOrEqual" | "lessOrEqual" | "approx";
      /** The attribute description as written; what it names is decided when the filter is compiled. */
      readonly attribute: string;
      readonly value: Buffer;
    }
  | { readonly kind: "present"; readonly attribute: string }
  | SubstringsFilter
  | ExtensibleFilter;

export interface SubstringsFilter {
  readonly kind: "substrings";
  readonly attribute: string;
  readonly initial: Buffer | undefined;
  readonly any: readonly Buffer[];
  readonly final: Buffer | undefined;
}

/** MatchingRuleAssertion: a rule, an attribute, or both. */
export interface ExtensibleFilter {
  readonly kind: "extensible";
  readonly rule: string | undefined;
  readonly attribute: string | undefined;
  readonly value: Buffer;
  readonly dnAttributes: boolean;
}
