// gatehouse schema: what an editor has to know to check and complete the configuration as it is written.
import { Argument, type Command } from "commander";
import { type SchemaName, schemaNames, schemaText } from "../settings/file-schemas.js";
import { addCommand } from "./command.js";

export function printSchema(program: Command): void {
  addCommand(
    program,
    "schema",
    "Print the JSON Schema of server.yaml or applications.yaml, for editors. `init` writes both beside the files.",
    "gatehouse schema applications > config/applications.schema.json",
  )
    .addArgument(new Argument("<file>", "which of the two").choices(schemaNames))
    .action((name: SchemaName) => {
      process.stdout.write(schemaText(name));
    });
}
