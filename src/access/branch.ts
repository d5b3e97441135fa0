// An application's own branch: below cn=NAME,ou=applications,SUFFIX it finds its view of the directory once more, as
// ou=people and ou=groups and all else that stands below the suffix. A client whose base DN that is never meets a name of
// the shared tree: names are turned inward as requests come in, and outward as entries go out. Nothing is kept twice.
import { Dn } from "../model/dn.js";
import type { Schema } from "../model/schema.js";
import type { Application } from "./application.js";

export class Branch {
  readonly application: Application;
  /** Where all applications stand, and what that stands below. */
  readonly #applications: Dn;
  readonly #suffix: Dn;
  readonly #schema: Schema;
  /** What names of the shared tree end with as they are printed, and what stands there in the branch. */
  readonly #end: string;
  readonly #ownEnd: string;

  constructor(application: Application, schema: Schema) {
    this.application = application;
    this.#applications = application.dn.parent!;
    this.#suffix = this.#applications.parent!;
    this.#schema = schema;
    this.#end = `,${this.#suffix}`;
    this.#ownEnd = `,${application.dn}`;
  }

  /** Where the branch begins: the application's own entry. */
  isBase(dn: Dn): boolean {
    return dn.equals(this.application.dn, this.#schema);
  }

  /** Whether the name is one of the branch, below its base. */
  holds(dn: Dn): boolean {
    return dn.isBelow(this.application.dn, this.#schema);
  }

  /** The name in the shared tree of a name in the branch, its base included. */
  inward(dn: Dn): Dn {
    const rdns = dn.rdns.slice(0, dn.depth - this.application.dn.depth);
    return rdns.reduceRight((above, rdn) => above.child(rdn), this.#suffix);
  }

  /** Whether a name in the branch would be that of an application: there is none below another. */
  isOfApplications(dn: Dn): boolean {
    return this.#isApplications(this.inward(dn));
  }

  #isApplications(dn: Dn): boolean {
    return dn.equals(this.#applications, this.#schema) || dn.isBelow(this.#applications, this.#schema);
  }

  /**
   * What a value that names an entry means in the shared tree. Undefined: nothing, because it is a name of the shared tree,
   * or of another's branch. What stands outside of the suffix altogether means what it says.
   */
  inwardValue(value: Buffer): Buffer | undefined {
    const [name, uid] = divided(value.toString());
    const dn = Dn.parsed(name);
    if (!dn) return value;
    if (this.isBase(dn)) return Buffer.from(`${this.#suffix}${uid}`);
    if (this.holds(dn)) return this.isOfApplications(dn) ? undefined : Buffer.from(`${this.inward(dn)}${uid}`);
    return dn.equals(this.#suffix, this.#schema) || dn.isBelow(this.#suffix, this.#schema) ? undefined : value;
  }

  /** The name in the branch of a name in the shared tree; those of applications are the same in both. */
  outward(value: string): string {
    const [text, uid] = divided(value);
    return this.#outward(text) + uid;
  }

  #outward(text: string): string {
    if (text.endsWith(this.#end)) {
      const dn = text.slice(0, -this.#end.length);
      if (!/ou=applications$/i.test(dn) && endsInName(text, this.#end.length)) return dn + this.#ownEnd;
    }
    const dn = Dn.parsed(text);
    if (!dn) return text;
    if (dn.equals(this.#suffix, this.#schema)) return this.application.dn.toString();
    if (!dn.isBelow(this.#suffix, this.#schema)) return text;
    if (this.#isApplications(dn)) return text;
    const rdns = dn.rdns.slice(0, dn.depth - this.#suffix.depth);
    return rdns.reduceRight((above, rdn) => above.child(rdn), this.application.dn).toString();
  }
}

/** Whether the comma at which the end begins divides names: one behind a `\` belongs to a value. */
function endsInName(text: string, length: number): boolean {
  return text.at(-length - 1) !== "\\";
}

/** A name, and the bit string that Name And Optional UID (RFC 4517 3.3.21) may have behind it. */
function divided(value: string): [name: string, uid: string] {
  const uid = value.endsWith("'B") ? /#'[01]*'B$/.exec(value)?.[0] : undefined;
  return uid === undefined ? [value, ""] : [value.slice(0, -uid.length), uid];
}
