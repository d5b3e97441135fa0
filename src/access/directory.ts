import type { Clock } from "../model/clock.js";
import type { Store } from "../store/store.js";
import type { ApplicationRegistry } from "./application.js";
import type { ApplicationMirror } from "./application-mirror.js";
import type { ComputedAttributes } from "./computed-attributes.js";

/** What every view looks at. */
export interface Directory {
  readonly store: Store;
  readonly applications: ApplicationRegistry;
  readonly mirror: ApplicationMirror;
  readonly computed: ComputedAttributes;
  readonly clock: Clock;
}
