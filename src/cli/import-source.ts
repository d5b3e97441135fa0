// Where LDIF comes from: a file, or a pipe, which can be read only once.
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LdifRecord } from "../ldif/ldif-record.js";
import { readLdif } from "../ldif/reader.js";

export interface ImportSource {
  /** As a person would name it. */
  readonly name: string;
  /** Undefined where it cannot be known. */
  readonly bytes: number | undefined;
  /** Whether `records` can be called again. */
  readonly isRepeatable: boolean;
  /** The records, in batches; tells `onBytes` how many bytes each piece had that was read. */
  records(onBytes?: (bytes: number) => void): AsyncGenerator<LdifRecord[], void, void>;
  close(): Promise<void>;
}

const pieceBytes = 1024 * 1024;

/** `-` is standard input. `allowFiles`: it may name files, which are read as well; who wrote it is then trusted. */
export async function openSource(path: string, entryBytes: number, allowFiles = false): Promise<ImportSource> {
  if (path === "-") return new StreamSource("stdin", () => process.stdin, { entryBytes, allowFiles });
  const found = await stat(path);
  const file = () => createReadStream(path, { highWaterMark: pieceBytes });
  return found.isFile() || found.isDirectory()
    ? new StreamSource(path, file, { entryBytes, bytes: found.size, isRepeatable: true, allowFiles })
    : new StreamSource(path, file, { entryBytes, allowFiles });
}

interface StreamSourceOptions {
  readonly entryBytes: number;
  readonly bytes?: number;
  readonly isRepeatable?: boolean;
  readonly allowFiles?: boolean;
  readonly close?: () => Promise<void>;
}

class StreamSource implements ImportSource {
  readonly name: string;
  readonly #open: () => NodeJS.ReadableStream;
  readonly #options: StreamSourceOptions;

  constructor(name: string, open: () => NodeJS.ReadableStream, options: StreamSourceOptions) {
    this.name = name;
    this.#open = open;
    this.#options = options;
  }

  get bytes(): number | undefined {
    return this.#options.bytes;
  }

  get isRepeatable(): boolean {
    return this.#options.isRepeatable ?? false;
  }

  records(onBytes: (bytes: number) => void = () => {}): AsyncGenerator<LdifRecord[], void, void> {
    const { entryBytes, allowFiles = false } = this.#options;
    return readLdif(measured(this.#open(), onBytes), { entryBytes, allowFiles });
  }

  /** The bytes as they come, for `repeatable`. */
  stream(): NodeJS.ReadableStream {
    return this.#open();
  }

  get entryBytes(): number {
    return this.#options.entryBytes;
  }

  get allowFiles(): boolean {
    return this.#options.allowFiles ?? false;
  }

  async close(): Promise<void> {
    await this.#options.close?.();
  }
}

async function* measured(stream: NodeJS.ReadableStream, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of stream) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    onBytes(bytes.length);
    yield bytes;
  }
}

/** The same source, for reading it twice: what comes through a pipe is kept in a file without a name, ours alone. */
export async function repeatable(source: ImportSource): Promise<ImportSource> {
  if (source.isRepeatable || !(source instanceof StreamSource)) return source;
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-"));
  const file = await open(join(folder, "import"), "wx+", 0o600);
  await rm(folder, { recursive: true });
  let size = 0;
  for await (const piece of measured(source.stream(), () => {})) {
    await file.writeFile(piece);
    size += piece.length;
  }
  const again = () => file.createReadStream({ start: 0, autoClose: false, highWaterMark: pieceBytes });
  return new StreamSource(source.name, again, {
    entryBytes: source.entryBytes,
    allowFiles: source.allowFiles,
    bytes: size,
    isRepeatable: true,
    close: () => file.close(),
  });
}
