// Sizes and times as people write them: `4MiB`, `15s`. A plain number is bytes, and for times milliseconds.
import { SettingError } from "./problem.js";

const sizes = { GiB: 1024 ** 3, MiB: 1024 ** 2, KiB: 1024, B: 1 } as const;
const times = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** 24 days: a timer of Node waits no longer than 2^31 - 1 ms, and one that should would fire at once. */
export const longestTime = 24 * times.d;

export const sizeExpected = "a size, such as 4MiB or 256KiB";
export const timeExpected = "a time, such as 500ms, 15s, 10m or 24h";

/** Patterns that each such text matches. */
export const sizePattern = patternOf(sizes);
export const timePattern = patternOf(times);

function patternOf(units: Readonly<Record<string, number>>): string {
  return `^\\s*\\d{1,16} ?(?:${Object.keys(units).join("|")})?\\s*$`;
}

export function parseBytes(text: string | number): number {
  return parse(text, sizes, sizeExpected);
}

/** In milliseconds. */
export function parseDuration(text: string | number): number {
  return parse(text, times, timeExpected);
}

/** In the largest unit that gives a whole number. */
export function formatBytes(bytes: number): string {
  return format(bytes, sizes, "B");
}

/** In the largest unit that gives a whole number. */
export function formatDuration(milliseconds: number): string {
  return format(milliseconds, times, "ms");
}

function parse(text: string | number, units: Readonly<Record<string, number>>, expected: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,16}) ?([A-Za-z]*)$/.exec(String(text).trim()) ?? [];
  const factor = unit === "" ? 1 : units[unit];
  const value = Number(digits) * (factor ?? Number.NaN);
  if (digits === "" || !Number.isSafeInteger(value)) {
    throw new SettingError(`${JSON.stringify(text)} is not ${expected}: units are ${Object.keys(units).join(", ")}`);
  }
  return value;
}

function format(value: number, units: Readonly<Record<string, number>>, least: string): string {
  const [unit, factor] = value === 0 ? [least, 1] : Object.entries(units).find(([, factor]) => value % factor === 0)!;
  return `${value / factor}${unit}`;
}
