// The lines of audit files, oldest first, and on demand those that come: while the server writes and rotates them. In
// pieces, so that files of any size take no more memory than one of their lines.
import type { Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as after } from "node:timers/promises";
import { olderFile, olderNumbers } from "../telemetry/rotated-files.js";

const pieceBytes = 64 * 1024;
export const longestLine = 1024 * 1024;
/** ms between two looks at a file that is followed. */
const pollTime = 250;

const newline = 0x0a;

/** Cuts pieces into lines. */
export class LineCutter {
  #rest: Buffer = Buffer.alloc(0);
  #isSkipping = false;
  #tooLong = 0;

  /** Lines that were left out, because they are longer than any that a server writes. */
  get tooLong(): number {
    return this.#tooLong;
  }

  /** The lines that end in the piece, which may be used again afterwards. */
  cut(piece: Buffer): string[] {
    const lines: string[] = [];
    let begin = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, begin)) {
      if (this.#rest.length === 0 && !this.#isSkipping && end - begin <= longestLine) {
        if (end > begin) lines.push(piece.toString("utf8", begin, end)); // as nearly all are
      } else {
        this.#keep(piece.subarray(begin, end));
        lines.push(...this.end());
      }
      begin = end + 1;
    }
    this.#keep(piece.subarray(begin));
    return lines;
  }

  /** The line that has no end, where there is one. */
  end(): string[] {
    const line = this.#rest.toString();
    this.#rest = Buffer.alloc(0);
    this.#isSkipping = false;
    return line === "" ? [] : [line];
  }

  #keep(bytes: Buffer): void {
    if (this.#isSkipping) return;
    if (this.#rest.length + bytes.length <= longestLine) {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      return;
    }
    this.#isSkipping = true;
    this.#tooLong += 1;
    this.#rest = Buffer.alloc(0);
  }
}

export interface AuditSourceOptions {
  readonly cutter: LineCutter;
  /** With the older files beside it. */
  readonly withOlder: boolean;
  /** Goes on with what comes, until it is aborted. */
  readonly follow?: AbortSignal;
  /** Files last written before this are passed over (ms since 1970). */
  readonly since?: number;
}

/** The lines of a file, some at a time. Fails where it cannot be read. */
export async function* auditLines(path: string, options: AuditSourceOptions): AsyncGenerator<string[], void> {
  const { cutter, follow, since = 0 } = options;
  const waiting = options.withOlder ? await openWithOlder(path) : [await OpenFile.open(path)];
  try {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      try {
        const isOld = waiting.length > 0 && file.written < since;
        if (!isOld) yield* file.lines(cutter);
        if (waiting.length === 0 && follow) {
          yield* untilReplaced(path, file, cutter, follow);
          if (!follow.aborted) waiting.push(...(await openNewer(path, file)));
        }
        yield cutter.end();
      } finally {
        await file.close();
      }
    }
  } finally {
    for (const file of waiting) await file.close();
  }
}

/** The lines of standard input. */
export async function* inputLines(cutter: LineCutter): AsyncGenerator<string[], void> {
  for await (const piece of process.stdin) yield cutter.cut(piece);
  yield cutter.end();
}

class OpenFile {
  /** What it is, whatever it is called. */
  readonly identity: string;
  /** Last, in ms since 1970. */
  readonly written: number;
  readonly #isRegular: boolean;
  readonly #handle: FileHandle;
  readonly #piece = Buffer.allocUnsafe(pieceBytes);
  #position = 0;

  private constructor(handle: FileHandle, found: Stats) {
    this.#handle = handle;
    this.identity = identityOf(found);
    this.written = found.mtimeMs;
    this.#isRegular = found.isFile();
  }

  static async open(path: string): Promise<OpenFile> {
    const handle = await open(path, "r");
    return new OpenFile(handle, await handle.stat());
  }

  /** From where it was left to its present end. */
  async *lines(cutter: LineCutter): AsyncGenerator<string[], void> {
    for (;;) {
      const place = this.#isRegular ? this.#position : null;
      const { bytesRead } = await this.#handle.read(this.#piece, 0, pieceBytes, place);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      yield cutter.cut(this.#piece.subarray(0, bytesRead));
    }
  }

  /** Where somebody emptied it, from the beginning again. */
  async rewindIfEmptied(): Promise<void> {
    if (this.#isRegular && (await this.#handle.stat()).size < this.#position) this.#position = 0;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev} ${ino}`;
}

/** The lines that come, until another file has the name and something in it: from then on nobody writes into this one. */
async function* untilReplaced(
  path: string,
  file: OpenFile,
  cutter: LineCutter,
  follow: AbortSignal,
): AsyncGenerator<string[], void> {
  while (!follow.aborted) {
    await after(pollTime, undefined, { signal: follow }).catch(() => {});
    const named = await stat(path).catch(() => undefined);
    await file.rewindIfEmptied();
    yield* file.lines(cutter);
    if (named && named.size > 0 && identityOf(named) !== file.identity) return;
  }
}

/** The file and the older ones beside it, oldest first. Fails where there is none. */
async function openWithOlder(path: string): Promise<OpenFile[]> {
  const files = await openYoungest(path, () => false);
  if (files.length > 0) return files.reverse();
  return [await OpenFile.open(path)]; // which says why not
}

/** What came after a file that is open, oldest first. */
async function openNewer(path: string, old: OpenFile): Promise<OpenFile[]> {
  let isFound = false;
  const files = await openYoungest(path, ({ identity }) => {
    isFound = identity === old.identity;
    return isFound;
  });
  if (isFound) return files.reverse();
  // It went elsewhere: what else stands beside it may be of any time.
  for (const file of files.slice(1)) await file.close();
  return files.slice(0, 1);
}

/**
 * The youngest first, up to the one that is sought. In that order a rotation that goes on meanwhile shows a file twice, which
 * is seen, and hides none.
 */
async function openYoungest(path: string, isSought: (file: OpenFile) => boolean): Promise<OpenFile[]> {
  const files: OpenFile[] = [];
  const last = (await olderNumbers(path)).at(-1) ?? 0;
  for (let number = 0; number <= last + 1; number += 1) {
    const file = await openWhereThere(number === 0 ? path : olderFile(path, number));
    if (!file) continue;
    const isEnd = isSought(file);
    if (isEnd || files.some(({ identity }) => identity === file.identity)) await file.close();
    else files.push(file);
    if (isEnd) break;
  }
  return files;
}

async function openWhereThere(path: string): Promise<OpenFile | undefined> {
  try {
    return await OpenFile.open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
