// When users may log in: days of the week and times of day, on the clocks of one place.
import { didYouMean } from "./did-you-mean.js";
import { SettingError } from "./problem.js";
import { parsed } from "./shape.js";

/** 0 is Monday. */
export type Weekday = 0 | 1 | 2 | 3 | 4 | 5 | 6;

export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** Minutes since midnight, `from` included and `to` not. Where `to` is not behind `from`, it is on the next day. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

/** `mon`, or `mon-fri`; `sat-mon` goes over the end of the week. Throws SettingError. */
export function parseDays(text: string): readonly Weekday[] {
  const [from, to = from, ...more] = text.toLowerCase().split("-").map(parseDay);
  if (from === undefined || more.length > 0) return refuseDays(text);
  const count = ((to! - from + 7) % 7) + 1;
  return Array.from({ length: count }, (_, n) => ((from + n) % 7) as Weekday);
}

function parseDay(text: string): Weekday {
  const found = weekdays.indexOf(text.trim() as (typeof weekdays)[number]);
  return found === -1 ? refuseDays(text) : (found as Weekday);
}

function refuseDays(text: string): never {
  throw new SettingError(
    `${JSON.stringify(text)} is no day of the week: write one of ${weekdays.join(", ")}, or a range such as mon-fri${didYouMean(text, weekdays)}`,
  );
}

/** `08:00-18:00`; `22:00-06:00` goes over midnight, and `00:00-24:00` is the whole day. Throws SettingError. */
export function parseHours(text: string): Hours {
  const match = /^\s*(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)\s*$/.exec(text);
  const [from, to] = match ? [minutes(match[1]!, match[2]!), minutes(match[3]!, match[4]!)] : [];
  if (from === undefined || to === undefined || from === 24 * 60 || from === to) {
    throw new SettingError(`${JSON.stringify(text)} is no time of day: write a range such as 08:00-18:00`);
  }
  return { from, to };
}

function minutes(hour: string, minute: string): number | undefined {
  const value = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && value <= 24 * 60 ? value : undefined;
}

export const days = parsed(
  "a day such as mon, or a range such as mon-fri",
  parseDays,
  "^\\s*[A-Za-z]{3}\\s*(?:-\\s*[A-Za-z]{3}\\s*)?$",
);
export const hours = parsed(
  "a range of hours such as 08:00-18:00",
  parseHours,
  "^\\s*\\d\\d:\\d\\d\\s*-\\s*\\d\\d:\\d\\d\\s*$",
);

/** A name of the IANA time zone database. */
export const timeZone = parsed("the name of a time zone such as Europe/Berlin", (text) => {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    throw new SettingError(`${JSON.stringify(text)} is no time zone: write a name such as Europe/Berlin, or UTC`);
  }
});
