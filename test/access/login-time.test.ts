import { describe, expect, test } from "vitest";
import { isLoginTime, loginTimeText, wallTime, wallTimeText } from "../../src/access/login-time.js";
import { parseDays, parseHours, type Weekday } from "../../src/settings/login-hours.js";

function rules(text: string): { days?: ReadonlySet<Weekday>; hours?: ReturnType<typeof parseHours>[] } {
  const words = text.split(" ");
  const days = words.filter((word) => /[a-z]/.test(word)).flatMap(parseDays);
  const hours = words.filter((word) => word.includes(":")).map(parseHours);
  return { ...(days.length > 0 ? { days: new Set(days) } : {}), ...(hours.length > 0 ? { hours } : {}) };
}

// 2026-01-30 is a Friday.
describe.each([
  ["mon-fri", "UTC", ["2026-01-30T00:00Z", "2026-01-30T23:59:59Z"], ["2026-01-31T00:00Z", "2026-02-01T12:00Z"]],
  ["08:00-18:00", "UTC", ["2026-01-31T08:00Z", "2026-01-31T17:59:59Z"], ["2026-01-31T07:59:59Z", "2026-01-31T18:00Z"]],
  ["mon-fri 08:00-18:00", "UTC", ["2026-01-30T08:00Z"], ["2026-01-30T18:00Z", "2026-01-31T08:00Z"]],
  ["08:00-12:00 13:00-17:00", "UTC", ["2026-01-30T11:59Z", "2026-01-30T13:00Z"], ["2026-01-30T12:00Z"]],
  ["sat 00:00-24:00", "UTC", ["2026-01-31T00:00Z", "2026-01-31T23:59Z"], ["2026-01-30T23:59Z", "2026-02-01T00:00Z"]],
  // What goes over midnight belongs to the day on which it begins.
  [
    "fri 22:00-06:00",
    "UTC",
    ["2026-01-30T22:00Z", "2026-01-31T00:00Z", "2026-01-31T05:59Z"],
    ["2026-01-30T05:59Z", "2026-01-30T21:59Z", "2026-01-31T06:00Z", "2026-01-31T22:00Z"],
  ],
  // Over the end of the week, too.
  ["sun 22:00-06:00", "UTC", ["2026-02-01T22:00Z", "2026-02-02T05:00Z"], ["2026-02-01T05:00Z", "2026-02-02T22:00Z"]],
  [
    "sat-mon 09:00-10:00",
    "UTC",
    ["2026-01-31T09:00Z", "2026-02-02T09:00Z"],
    ["2026-01-30T09:00Z", "2026-02-03T09:00Z"],
  ],
  ["22:00-00:00", "UTC", ["2026-01-30T23:59Z"], ["2026-01-31T00:00Z", "2026-01-30T21:59Z"]],
  // It is Saturday in Auckland while it is Friday in Los Angeles.
  ["sat", "Pacific/Auckland", ["2026-01-30T12:00Z"], ["2026-01-30T10:00Z"]],
  ["fri", "America/Los_Angeles", ["2026-01-31T07:59Z"], ["2026-01-31T08:00Z"]],
  ["09:00-10:00", "Asia/Kolkata", ["2026-01-30T03:30Z", "2026-01-30T04:29Z"], ["2026-01-30T04:30Z"]],
  // The same wall time in winter and in summer.
  [
    "08:00-18:00",
    "Europe/Berlin",
    ["2026-03-28T07:00Z", "2026-03-30T06:00Z"],
    ["2026-03-28T06:59Z", "2026-03-30T05:59Z", "2026-03-28T17:00Z", "2026-03-30T16:00Z"],
  ],
  // 2026-03-29, 02:00 becomes 03:00: what would begin and end in between does not come.
  ["sun 02:15-02:45", "Europe/Berlin", ["2026-03-22T01:15Z"], ["2026-03-29T00:59Z", "2026-03-29T01:00Z"]],
  // What spans it is an hour shorter.
  ["sat 22:00-04:00", "Europe/Berlin", ["2026-03-28T21:00Z", "2026-03-29T01:59Z"], ["2026-03-29T02:00Z"]],
  // 2026-10-25, 03:00 becomes 02:00: half past two comes twice.
  [
    "sun 02:15-02:45",
    "Europe/Berlin",
    ["2026-10-25T00:15Z", "2026-10-25T01:15Z"],
    ["2026-10-25T00:14Z", "2026-10-25T00:45Z", "2026-10-25T01:45Z"],
  ],
  ["sat 22:00-04:00", "Europe/Berlin", ["2026-10-24T20:00Z", "2026-10-25T02:59Z"], ["2026-10-25T03:00Z"]],
])("%s in %s", (text, zone, within, outside) => {
  test.each(within)("%s is within", (at) => {
    expect(isLoginTime(rules(text), wallTime(Date.parse(at), zone))).toBe(true);
  });
  test.each(outside)("%s is outside", (at) => {
    expect(isLoginTime(rules(text), wallTime(Date.parse(at), zone))).toBe(false);
  });
});

test("times are told as a person writes them", () => {
  expect(wallTimeText(wallTime(Date.parse("2026-01-31T19:05Z"), "Europe/Berlin"))).toBe("sat 20:05");
  expect(loginTimeText(rules("mon-tue 08:00-18:00 22:00-24:00"))).toBe("mon tue 08:00-18:00 22:00-24:00");
});
