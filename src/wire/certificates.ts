// The server's certificates: exchanged when their files change or the configuration is read anew, and their end foretold.
import type { Clock } from "../model/clock.js";
import type { Settings } from "../settings/load-settings.js";
import { type TlsFiles, tlsWarnings } from "../settings/tls-files.js";
import { watchTlsFiles } from "../settings/tls-watch.js";
import type { Log } from "../telemetry/log.js";
import type { Listener } from "./listener.js";

/** How often somebody is warned of a certificate that nobody renews, in milliseconds. */
const warnEvery = 86_400_000;

export class Certificates {
  readonly #listener: Listener;
  readonly #log: Log;
  readonly #clock: Clock;
  /** In use; undefined: the listener was made without TLS. */
  #files: TlsFiles | undefined;
  #unwatch = (): void => {};
  readonly #daily: NodeJS.Timeout;

  /** `settings`: those that the listener was made with. */
  constructor(listener: Listener, settings: Settings, log: Log, clock: Clock) {
    this.#listener = listener;
    this.#log = log;
    this.#clock = clock;
    this.#files = settings.tlsFiles;
    this.#warn();
    this.#watch(settings);
    this.#daily = setInterval(() => this.#warn(), warnEvery);
    this.#daily.unref();
  }

  /** Puts the files of settings read anew in the place of those before, and watches these. */
  renew(settings: Settings): void {
    if (!this.#files) return; // there is TLS, or there is none, from the start
    if (settings.tlsFiles) this.#use(settings.tlsFiles);
    this.#watch(settings);
  }

  #watch({ server: { tls } }: Settings): void {
    this.#unwatch();
    if (!tls || !this.#files) return;
    this.#unwatch = watchTlsFiles(tls, (read) => {
      if ("files" in read) this.#use(read.files);
      else {
        for (const { key, message } of read.faults) this.#log.warn({ key: `tls.${key}` }, message);
        this.#log.warn("the files of tls have changed and cannot be used; what was read before stays in use");
      }
    });
  }

  #use(files: TlsFiles): void {
    if (this.#files && areSame(files, this.#files)) return;
    this.#files = files;
    this.#listener.renewTls(files);
    this.#log.info("the certificates of tls are read anew");
    this.#warn();
  }

  #warn(): void {
    for (const sentence of this.#files ? tlsWarnings(this.#files, this.#clock()) : []) this.#log.warn(sentence);
  }

  close(): void {
    this.#files = undefined;
    this.#unwatch();
    this.#unwatch = () => {};
    clearInterval(this.#daily);
  }
}

function areSame(one: TlsFiles, other: TlsFiles): boolean {
  const ofClients = (files: TlsFiles) => files.clientCA?.toString() ?? "";
  return one.certificate.equals(other.certificate) && one.key.equals(other.key) && ofClients(one) === ofClients(other);
}
