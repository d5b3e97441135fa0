// String preparation (RFC 4518): which differences between two strings do not count when they are compared. The output
// is UTF-8 as a latin1 string, so that its order is the order of code points.
//
// Insignificant spaces (2.6.1) are written in a shorter form than the RFC's: none at the ends, one for an inner run, and
// one alone for a blank string. It tells apart what the RFC tells apart, and plain ASCII stands unchanged. The price: a
// fragment of a substring assertion that begins or ends with a space finds it between words, not at the ends of a value.
import { isUtf8 } from "node:buffer";
import type { SubstringsFilter } from "./filter.js";
import type { Fragments, NormalForm } from "./schema.js";

/** How strings of one kind are prepared. */
export interface Preparation {
  /** Whether case is folded (RFC 4518 2.2, RFC 3454 table B.2). */
  readonly foldCase: boolean;
  /** Whether every byte must be ASCII: the IA5 strings. */
  readonly onlyAscii: boolean;
  /** Characters that do not count at all (RFC 4518 2.6.2 and 2.6.3), in place of the handling of spaces. */
  readonly ignored?: RegExp;
  /** What the outcome must look like. */
  readonly form?: RegExp;
}

export const preparations = {
  caseIgnore: { foldCase: true, onlyAscii: false },
  caseExact: { foldCase: false, onlyAscii: false },
  caseIgnoreIA5: { foldCase: true, onlyAscii: true },
  caseExactIA5: { foldCase: false, onlyAscii: true },
  numericString: { foldCase: false, onlyAscii: true, ignored: / /g, form: /^[0-9]*$/ },
  telephoneNumber: { foldCase: true, onlyAscii: false, ignored: /[ \-\u058a\u2010\u2011\u2212\ufe63\uff0d]/g },
} as const satisfies Record<string, Preparation>;

/** The normal form of a whole value; undefined where it is not UTF-8 or has a prohibited character (RFC 4518 2.4). */
export function prepareValue(value: Buffer, preparation: Preparation): NormalForm | undefined {
  if (preparation.ignored === undefined) {
    switch (plainness(value)) {
      case "lowerCase":
        return value.toString("latin1");
      case "mixedCase":
        return preparation.foldCase ? value.toString("latin1").toLowerCase() : value.toString("latin1");
    }
  }
  const text = prepare(value, preparation);
  if (text === undefined) return undefined;
  return bytesOf(preparation.ignored === undefined ? trimmed(text) || " " : text);
}

/** The normal forms of the fragments; a fragment without any character that counts is left out, for it finds anything. */
export function prepareFragments(filter: SubstringsFilter, preparation: Preparation): Fragments | undefined {
  const initial = filter.initial && prepare(filter.initial, preparation);
  const any = filter.any.map((fragment) => prepare(fragment, preparation));
  const final = filter.final && prepare(filter.final, preparation);
  if ((filter.initial && initial === undefined) || (filter.final && final === undefined)) return undefined;
  if (any.includes(undefined)) return undefined;
  return {
    initial: fragment(initial?.replace(leadingSpace, "")),
    any: any.map(fragment).filter((normal) => normal !== undefined),
    final: fragment(final?.replace(trailingSpace, "")),
  };
}

function fragment(text: string | undefined): NormalForm | undefined {
  return text === undefined || trimmed(text) === "" ? undefined : bytesOf(text);
}

/** Almost every value is printable ASCII with single spaces between words: it needs no preparation but of its case. */
function plainness(value: Buffer): "lowerCase" | "mixedCase" | undefined {
  let upper = false;
  let afterSpace = true;
  for (let n = 0; n < value.length; n++) {
    const byte = value[n]!;
    if (byte > 0x20 && byte < 0x7f) {
      if (byte >= 0x41 && byte <= 0x5a) upper = true;
      afterSpace = false;
    } else if (byte === 0x20 && !afterSpace) {
      afterSpace = true;
    } else {
      return undefined;
    }
  }
  if (afterSpace) return undefined;
  return upper ? "mixedCase" : "lowerCase";
}

/** RFC 4518 2.1 to 2.5, and inner runs of spaces made one. */
function prepare(value: Buffer, { foldCase, onlyAscii, ignored, form }: Preparation): string | undefined {
  if (!isUtf8(value)) return undefined;
  let text = value.toString("utf8");
  if (onlyAscii && beyondAscii.test(text)) return undefined;
  text = text.replace(mappedToNothing, "").replace(mappedToSpace, " ").normalize("NFKC");
  if (foldCase) text = folded(text).normalize("NFKC");
  if (prohibited.test(text)) return undefined;
  text = ignored === undefined ? text.replace(spaces, " ") : text.replace(ignored, "");
  return form === undefined || form.test(text) ? text : undefined;
}

/**
 * Full case folding by way of the case mappings: through upper case, so that ß and ss are one, and final sigma another
 * sigma. Dotless i stays itself, although its upper case is I: no folding but the Turkish one takes it for an i.
 */
function folded(text: string): string {
  if (text.includes("ı")) return text.split("ı").map(folded).join("ı");
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

const bytesOf = (text: string): NormalForm => (beyondAscii.test(text) ? Buffer.from(text).toString("latin1") : text);
const trimmed = (text: string): string => text.replace(leadingSpace, "").replace(trailingSpace, "");

const beyondAscii = /[^\0-\x7f]/;
// RFC 4518 2.2. Written as escapes, for none of these characters can be seen.
const mappedToNothing = new RegExp(
  `[${[
    "\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f", // controls, but for those that are mapped to space
    "\\xad\\u1806", // soft hyphens
    "\\u034f\\u180b-\\u180d\\ufe00-\\ufe0f", // grapheme joiner, variation selectors
    "\\u200b", // zero width space
    "\\u06dd\\u070f\\u180e\\u200c-\\u200f\\u202a-\\u202e\\u2060-\\u2063\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb", // format
    "\\ufffc", // object replacement character
    "\\u{1d173}-\\u{1d17a}\\u{e0001}\\u{e0020}-\\u{e007f}", // musical format, tags
  ].join("")}]`,
  "gu",
);
const mappedToSpace = /[\t-\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;
// RFC 4518 2.4, but for unassigned code points: what Unicode has added since version 3.2 may be stored and found.
const prohibited = /[\p{Co}\p{Noncharacter_Code_Point}\ufffd]/u;
// RFC 4518 2.6.1: a space that carries a combining mark is not a space.
const spaces = / +(?!\p{M})/gu;
const leadingSpace = /^ (?!\p{M})/u;
const trailingSpace = / $/;
