// applications.yaml for tests: each application NAME with the password NAME-secret.
import { saltedSha } from "../support/server.js";

export interface ApplicationOf {
  readonly addresses?: string;
  readonly access?: string;
  /** More keys, as YAML in one line each. */
  readonly more?: readonly string[];
}

export function applicationsYaml(applications: Readonly<Record<string, ApplicationOf>>): string {
  const items = Object.entries(applications).map(([name, { addresses = "[127.0.0.1]", access = "read", more = [] }]) =>
    [
      `  - name: ${name}`,
      `password: ${JSON.stringify(saltedSha(`${name}-secret`))}`,
      `addresses: ${addresses}`,
      `access: ${access}`,
      ...more,
    ].join("\n    "),
  );
  return `applications:\n${items.join("\n")}\n`;
}
