// What is wrong with a configuration: every fault at once, each at its place, each saying what would be right.
// A sentence here never quotes a value that may be a password.

export interface Problem {
  /** The file as a person would name it. */
  readonly file: string;
  /** From 1; 0 where the fault is the file itself. */
  readonly line: number;
  readonly column: number;
  /** Where in the settings: `applications[2].addresses[0]`; "" for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** To sort the faults of one file in the order of its text. */
export function byPlace(one: Problem, other: Problem): number {
  return one.line - other.line || one.column - other.column;
}

/** A value of the configuration cannot be what it says; the message is a sentence that follows the value's place. */
export class SettingError extends Error {
  constructor(message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = "SettingError";
  }
}

/** `config/applications.yaml:14:11  applications[2].addresses[0]: "10.0.0.0/33" is not …` */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return `${place}  ${path === "" ? "" : `${path}: `}${message}`;
}
