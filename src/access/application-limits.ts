// The limits of applications beside those of the server: of all that concern a session the narrowest holds.
import { type Limits, narrowest } from "../model/limits.js";
import type { Application } from "./application.js";

/** What holds for a search. */
export type SearchLimits = Pick<Limits, "sizeLimit" | "timeLimit" | "pageSize">;

/** For who is here through these applications. */
export function searchLimits(applications: readonly Application[], server: SearchLimits): SearchLimits {
  const of = (name: keyof SearchLimits) =>
    narrowest(server[name], ...applications.map(({ settings }) => settings.limits[name]));
  return { sizeLimit: of("sizeLimit"), timeLimit: of("timeLimit"), pageSize: of("pageSize") };
}
