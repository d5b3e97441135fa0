// Whether it is a time at which users may log in. Asked of the clock on the wall of the rules' zone, so an hour that a
// change to summer time leaves out does not come, and one that the change back brings twice counts twice.
import type { LoginRules } from "../settings/application-settings.js";
import { type Hours, type Weekday, weekdays } from "../settings/login-hours.js";

/** What a clock on the wall shows. */
export interface WallTime {
  readonly day: Weekday;
  /** Since midnight. */
  readonly minute: number;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** `now`: milliseconds since 1970 UTC; `timeZone`: a name that Intl knows. */
export function wallTime(now: number, timeZone: string): WallTime {
  // To make one takes far longer than to ask it.
  const clock =
    clocks.get(timeZone) ??
    new Intl.DateTimeFormat("en-US", {
      timeZone,
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
  clocks.set(timeZone, clock);
  const parts = new Map(clock.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = weekdays.indexOf(parts.get("weekday")!.toLowerCase() as (typeof weekdays)[number]) as Weekday;
  return { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
}

/** Whether users may log in at that time: what goes over midnight belongs to the day on which it begins. */
export function isLoginTime({ days, hours = [wholeDay] }: Pick<LoginRules, "days" | "hours">, at: WallTime): boolean {
  return hours.some((range) => {
    const began = dayOfRange(range, at);
    return began !== undefined && (days?.has(began) ?? true);
  });
}

const wholeDay: Hours = { from: 0, to: 24 * 60 };

/** The day on which the range began that this minute is in; undefined: it is in none. */
function dayOfRange({ from, to }: Hours, { day, minute }: WallTime): Weekday | undefined {
  if (from < to) return minute >= from && minute < to ? day : undefined;
  if (minute >= from) return day;
  return minute < to ? (((day + 6) % 7) as Weekday) : undefined;
}

/** As a person writes them: `mon tue 08:00-18:00`. */
export function loginTimeText({ days, hours }: Pick<LoginRules, "days" | "hours">): string {
  const names = days ? weekdays.filter((_, day) => days.has(day as Weekday)) : [];
  const ranges = (hours ?? []).map(({ from, to }) => `${minuteText(from)}-${minuteText(to)}`);
  return [...names, ...ranges].join(" ");
}

/** `mon 08:15` */
export function wallTimeText({ day, minute }: WallTime): string {
  return `${weekdays[day]} ${minuteText(minute)}`;
}

function minuteText(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, "0")).join(":");
}
