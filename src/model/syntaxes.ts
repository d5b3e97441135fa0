// LDAP syntaxes (RFC 4517 section 3) as one table.

export interface Syntax {
  readonly oid: string;
  readonly description: string;
  /** Whether the bytes are a value of the syntax. */
  accepts(value: Buffer): boolean;
}
