// What editors know the files of the configuration by: their JSON Schemas, made from the shapes that read them. Whatever a
// shape takes, its schema takes; what only the whole can show (a name that stands twice, a filter that is none) is found
// by `gatehouse check`.
import { applicationsFile } from "./application-settings.js";
import { serverFile } from "./server-settings.js";
import type { JsonSchema } from "./shape.js";

/** Draft 7 is what language servers for YAML know best. */
const draft = "http://json-schema.org/draft-07/schema#";

/** By what they describe. */
export const fileSchemas = {
  server: { $schema: draft, title: "server.yaml of Gatehouse", ...serverFile.schema },
  applications: { $schema: draft, title: "applications.yaml of Gatehouse", ...applicationsFile.schema },
} as const satisfies Record<string, JsonSchema>;

export type SchemaName = keyof typeof fileSchemas;

export const schemaNames = Object.keys(fileSchemas) as SchemaName[];

/** The file's name beside the one that it describes; the first line of that one names it. */
export function schemaFileName(name: SchemaName): string {
  return `${name}.schema.json`;
}

export function schemaText(name: SchemaName): string {
  return `${JSON.stringify(fileSchemas[name], undefined, 2)}\n`;
}
