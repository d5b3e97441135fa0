// The applications in force: exchanged when their files change or the configuration is read anew, all of them or none.
import type { Dn } from "../model/dn.js";
import { loadApplications } from "../settings/application-files.js";
import type { ApplicationSettings } from "../settings/application-settings.js";
import { watchApplications } from "../settings/applications-watch.js";
import { formatProblem } from "../settings/problem.js";
import type { Log } from "../telemetry/log.js";
import type { ApplicationRegistry } from "./application.js";
import { type HostAddresses, hostsOf } from "./host-addresses.js";

export interface Updated {
  /** The folder of the configuration. */
  readonly folder: string;
  readonly suffix: Dn;
  readonly registry: ApplicationRegistry;
  readonly hosts: HostAddresses;
  readonly log: Log;
  /** Runs work after whatever else reads the configuration, and before what does so later. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
}

export class ApplicationUpdates {
  readonly #parts: Updated;
  readonly #unwatch: () => void;
  #isClosed = false;
  /** Of what was read last, be it right or wrong. */
  #digest: string;

  /** `digest`: of the applications that the registry was made with. */
  constructor(parts: Updated, digest: string) {
    this.#parts = parts;
    this.#digest = digest;
    this.#unwatch = watchApplications(parts.folder, () => void parts.inTurn(() => this.#readAnew()).catch(this.#fail));
  }

  /** Puts these in force, once the addresses of their hosts are known. */
  async put(applications: readonly ApplicationSettings[], digest: string): Promise<void> {
    const { registry, hosts } = this.#parts;
    this.#digest = digest;
    await hosts.keep(hostsOf(applications));
    registry.replace(applications);
  }

  /** Somebody has been told what is wrong with them. */
  refuse(digest: string): void {
    this.#digest = digest;
  }

  /** Where the texts are those that were read last, be it at a signal, there is nothing to do or to tell. */
  async #readAnew(): Promise<void> {
    const { folder, suffix, log } = this.#parts;
    const read = await loadApplications(folder, { suffix });
    if (this.#isClosed || read.digest === this.#digest) return;
    if ("problems" in read) {
      this.refuse(read.digest);
      for (const problem of read.problems) log.error({ problem: formatProblem(problem) }, "the configuration is wrong");
      log.info("the old applications stay");
    } else {
      await this.put(read.applications, read.digest);
      log.info("the applications are read anew");
    }
  }

  readonly #fail = (error: unknown): void => {
    this.#parts.log.error({ err: error }, "the applications could not be read anew");
  };

  close(): void {
    this.#isClosed = true;
    this.#unwatch();
  }
}
