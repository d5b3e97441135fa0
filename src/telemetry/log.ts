// The log of the server: JSON lines. The one home of pino; everybody else knows `Log`.
import { type DestinationStream, destination as openDestination, pino, stdTimeFunctions } from "pino";

export const logLevels = ["fatal", "error", "warn", "info", "debug", "silent"] as const;
/** What is logged: this level and those before it. */
export type LogLevel = (typeof logLevels)[number];

/** A sentence, or fields and a sentence; an error goes under `err`. Never a password: `Secret` is the guard, this room only the second one. */
export interface LogMethod {
  (message: string): void;
  (fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Log {
  readonly fatal: LogMethod;
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
  /** A log whose every line carries these fields. */
  child(fields: Record<string, unknown>): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Takes whole lines; default: stdout. */
  readonly destination?: { write(line: string): void };
  /** Told when stdout takes nothing any more, such as when its terminal is closed (EIO). What is logged then is lost. */
  readonly failed?: (error: NodeJS.ErrnoException) => void;
}

const secretKeys = ["password", "passwords", "userPassword", "userpassword", "credentials", "secret"];
/** Levels of nesting in which the keys are looked for. */
const redactionDepth = 4;

/** Bytes that may wait for a reader of stdout that has stopped reading; what comes then is dropped, not the server. */
const waitingBytes = 16 * 1024 * 1024;

/** Lines are written without holding up the caller; what is left is written when the process exits. */
export function createLog({ level, destination, failed = () => {} }: LogOptions): Log {
  const stream: DestinationStream = destination ?? openStdout(failed);
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretPaths(), censor: "[secret]" },
    },
    stream,
  );
}

function openStdout(failed: (error: NodeJS.ErrnoException) => void): DestinationStream {
  const stdout = openDestination({ dest: 1, sync: false, maxLength: waitingBytes });
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    // Otherwise the process would try the same line again and again at its exit, and never come to an end.
    stdout.write = () => true;
    const nobodyListens = () => {};
    stdout.flushSync = nobodyListens;
    stdout.end = nobodyListens;
    stdout.destroy = nobodyListens;
    failed(error);
  });
  return stdout;
}

const nothing: LogMethod = () => {};

/** Says nothing, for tests and for commands that speak for themselves. */
export const silentLog: Log = Object.freeze({
  fatal: nothing,
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  child: () => silentLog,
});

function secretPaths(): string[] {
  return Array.from({ length: redactionDepth }, (_, depth) => "*.".repeat(depth)).flatMap((way) =>
    secretKeys.map((key) => `${way}${key}`),
  );
}
