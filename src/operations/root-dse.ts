// The root DSE (RFC 4512 5.1) and the subschema subentry (RFC 4512 4.2): what a client may know before it binds.
import { subschemaDn } from "../access/computed-attributes.js";
import type { Dn } from "../model/dn.js";
import { printGeneralizedTime } from "../model/generalized-time.js";
import type { Schema } from "../model/schema.js";
import { controls } from "./controls.js";
import { StaticEntry } from "./static-entry.js";

export const vendorName = "Gatehouse";
export const vendorVersion = "0.1.0";

/** Features (RFC 3674): all operational attributes (3673), true and false filters (4526), increment (4525), @class (4529). */
const features = ["1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3", "1.3.6.1.1.14", "1.3.6.1.4.1.4203.1.5.2"];

/** What a client can use that is connected as this one is. */
export interface Offered {
  readonly extensions: readonly string[];
  readonly mechanisms: readonly string[];
}

export function rootDse(suffix: Dn, schema: Schema, { extensions, mechanisms }: Offered): StaticEntry {
  return new StaticEntry(
    "",
    {
      objectClass: ["top", "extensibleObject"],
      namingContexts: [suffix.toString()],
      defaultNamingContext: [suffix.toString()],
      subschemaSubentry: [subschemaDn],
      supportedLDAPVersion: ["3"],
      supportedControl: controls.map(({ oid }) => oid),
      supportedExtension: extensions,
      ...(mechanisms.length > 0 ? { supportedSASLMechanisms: mechanisms } : {}),
      supportedFeatures: features,
      vendorName: [vendorName],
      vendorVersion: [vendorVersion],
    },
    schema,
  );
}

export function subschema(schema: Schema, since: number): StaticEntry {
  const time = printGeneralizedTime(since);
  return new StaticEntry(
    subschemaDn,
    {
      objectClass: ["top", "subschema", "subentry", "extensibleObject"].filter((name) => schema.objectClass(name)),
      cn: ["Subschema"],
      attributeTypes: schema.published.attributeTypes,
      objectClasses: schema.published.objectClasses,
      matchingRules: schema.published.matchingRules,
      matchingRuleUse: schema.published.matchingRuleUse,
      ldapSyntaxes: schema.published.ldapSyntaxes,
      createTimestamp: [time],
      modifyTimestamp: [time],
    },
    schema,
  );
}
