// An import into a server that runs: the file is looked through first, then each record is sent as the operation that it
// is, and the server keeps its rules. What it says of its own origin (entryUUID, when and by whom) is the server's to
// say, and is left out.
import type { LdifAdd, LdifContent, LdifRecord } from "../ldif/ldif-record.js";
import { fail, LdapError } from "../model/failure.js";
import type { NormalForm } from "../model/schema.js";
import { type Asked, type LocalClient, requestBytes } from "../wire/local-client.js";
import { requestOf } from "./change-records.js";
import { type EntryReader, refusalOf } from "./entry-reader.js";
import { Failure, sentencesOf } from "./failure.js";
import { checkPasswords } from "./import-passwords.js";
import { ImportProblems } from "./import-problems.js";
import type { ImportOptions, ImportOutcome } from "./import-run.js";
import { type ImportSource, repeatable } from "./import-source.js";
import { counted } from "./output.js";

/** Requests that wait for their answers, where what one of them is refused for does not matter to the others. */
const mostWaiting = 32;
/** One after the other: the first that is refused ends the import, and nothing behind it has been sent. */
const inOrder = 1;

interface OnlineOptions extends Pick<ImportOptions, "continues" | "progress"> {
  /** The largest message that the server takes. */
  readonly messageBytes: number;
}

/** Sends a file. A file with errors that can be seen beforehand changes nothing, unless `continues`. */
export async function importOnline(
  source: ImportSource,
  client: LocalClient,
  reader: EntryReader,
  options: OnlineOptions,
): Promise<ImportOutcome> {
  const twice = await repeatable(source);
  try {
    return await new OnlineImport(twice, client, reader, options).run();
  } finally {
    await twice.close();
  }
}

class OnlineImport {
  readonly #source: ImportSource;
  readonly #client: LocalClient;
  readonly #reader: EntryReader;
  readonly #options: OnlineOptions;
  readonly #problems: ImportProblems;
  readonly #faultyLines = new Set<number>();
  /** The entries being added, by their names: what is below one of them waits for it. */
  readonly #adding = new Map<NormalForm, Promise<void>>();
  /** Why nothing more can be sent. Kept, because it may come while nobody waits for an answer. */
  #lost: Error | undefined;
  #uuids = 0;
  #entries = 0;
  #changes = 0;

  constructor(source: ImportSource, client: LocalClient, reader: EntryReader, options: OnlineOptions) {
    this.#source = source;
    this.#client = client;
    this.#reader = reader;
    this.#options = options;
    this.#problems = new ImportProblems(source.name);
  }

  async run(): Promise<ImportOutcome> {
    await this.#eachRecord(undefined, (record) => this.#check(record));
    if (this.#goesOn()) {
      await this.#eachRecord(this.#options.progress, async (record) => {
        if (record.kind !== "fault" && !this.#faultyLines.has(record.line) && this.#goesOn()) await this.#send(record);
      });
      await this.#settle();
    }
    if (this.#lost) {
      const done = `${counted(this.#entries, "entry", "entries")} and ${counted(this.#changes, "change")}`;
      throw new Failure([
        ...this.#problems.lines(),
        ...sentencesOf(this.#lost),
        `${this.#source.name} was not imported to its end: the server has confirmed ${done}, and may have taken what was under way`,
      ]);
    }
    return {
      problems: this.#problems,
      entries: this.#entries,
      changes: this.#changes,
      unknownPasswords: 0,
      replacedUuids: this.#uuids,
    };
  }

  #goesOn(): boolean {
    if (this.#lost) return false;
    return this.#problems.count === 0 || this.#options.continues === true;
  }

  async #eachRecord(
    progress: ImportOptions["progress"],
    take: (record: LdifRecord) => Promise<void> | void,
  ): Promise<void> {
    let bytes = 0;
    const records = this.#source.records((more) => {
      bytes += more;
    });
    for await (const batch of records) {
      for (const record of batch) await take(record);
      progress?.(bytes, this.#entries + this.#changes);
    }
  }

  /** What can be seen without the directory. */
  #check(record: LdifRecord): void {
    if (record.kind === "fault") {
      this.#problems.add(record.line, record.message);
      return;
    }
    try {
      if (record.kind === "content" || record.kind === "add") {
        const { dn, content, facts } = this.#reader.read(record);
        checkPasswords(content.passwords);
        this.#checkSize({ operation: "add", dn, attributes: this.#reader.written(record) });
        if (facts.uuid) this.#uuids++;
      } else this.#checkSize(requestOf(record, this.#reader));
    } catch (error) {
      this.#faultyLines.add(record.line);
      this.#problems.add(record.line, refusalOf(error));
    }
  }

  #checkSize(asked: Asked): void {
    const bytes = requestBytes(asked);
    const { messageBytes } = this.#options;
    if (bytes > messageBytes) {
      fail(
        "adminLimitExceeded",
        `the record makes a message of ${bytes} bytes; a running server takes at most ${messageBytes} (limits.messageBytes)`,
      );
    }
  }

  async #send(record: Exclude<LdifRecord, { kind: "fault" }>): Promise<void> {
    if (record.kind === "content" || record.kind === "add") return this.#add(record);
    // A change may be about what was just added, and what comes after it about what it leaves.
    await this.#settle();
    if (!this.#goesOn()) return;
    const { id: _, controls: __, ...asked } = requestOf(record, this.#reader);
    await this.#ask(record.line, asked, () => this.#changes++);
  }

  async #add(record: LdifContent | LdifAdd): Promise<void> {
    const { schema } = this.#reader;
    const dn = this.#reader.name(record.dn);
    const above = dn.parent?.normal(schema);
    const most = this.#options.continues ? mostWaiting : inOrder;
    while (this.#adding.size >= most) await Promise.race(this.#adding.values());
    const normal = dn.normal(schema);
    if (above !== undefined) await this.#adding.get(above);
    // The same name a second time: what becomes of it depends on the first.
    await this.#adding.get(normal);
    if (!this.#goesOn()) return;
    const attributes = this.#reader.written(record);
    const asking = this.#ask(record.line, { operation: "add", dn, attributes }, () => this.#entries++);
    this.#adding.set(
      normal,
      asking.finally(() => this.#adding.delete(normal)),
    );
  }

  /** Never rejects: what the server refuses is a problem of the record, anything else ends the import. */
  async #ask(line: number, asked: Asked, done: () => void): Promise<void> {
    try {
      await this.#client.request(asked);
      done();
    } catch (error) {
      // Without the server, nothing that follows can be sent either; and what it did not hear it has not refused.
      if (error instanceof LdapError && !this.#client.failure) this.#problems.add(line, error.message);
      else this.#lost ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#adding.values());
  }
}
