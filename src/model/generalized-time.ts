// GeneralizedTime (RFC 4517 3.3.13) between its text and instants.
import type { NormalForm } from "./schema.js";

const plain = "YYYYMMDDHHMMSSZ".length;
const form = /^(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,](\d{1,32}))?(?:Z|([+-])(\d\d)(\d\d)?)$/;

/**
 * The instant as `YYYYMMDDHHMMSS` in UTC, then `.` and the fraction of a second without trailing zeros where there is
 * one: equal for equal instants, ordered as they are. Undefined where the bytes are no GeneralizedTime, name no day of
 * the calendar, or leave the years 0000 to 9999 in UTC. Fractions are taken up to 32 digits.
 */
export function normalGeneralizedTime(value: Buffer): NormalForm | undefined {
  if (value.length === plain && value[plain - 1] === 0x5a) {
    const text = value.toString("latin1", 0, plain - 1);
    if (isPlain(text)) return text;
  }
  const match = form.exec(value.toString("latin1", 0, 64));
  if (match === null || match[0].length !== value.length) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, zoneHour = "0", zoneMinute = "0"] = match;
  const date = `${year}${month}${day}${hour}`;
  if (!isPlain(`${date}${minute ?? "00"}00`) || Number(second ?? 0) > 60) return undefined;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;

  // The fraction is of the last unit given: of an hour, a minute or a second.
  const unit = BigInt(minute === undefined ? 3600 : second === undefined ? 60 : 1);
  const scale = 10n ** BigInt(fraction.length);
  const part = BigInt(fraction || "0") * unit;
  const rest = (part % scale).toString().padStart(fraction.length, "0").replace(/0+$/, "");
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === "-" ? -60 : 60);
  const seconds = Number(second ?? 0) + Number(part / scale) - zone;

  const instant = new Date(0);
  instant.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  instant.setUTCHours(Number(hour), Number(minute ?? 0), seconds);
  const [whole] = instant.toISOString().split(".");
  if (!/^\d{4}-/.test(whole!)) return undefined;
  return whole!.replace(/[-:T]/g, "") + (rest === "" ? "" : `.${rest}`);
}

/** `YYYYMMDDHHMMSSZ`, as createTimestamp and modifyTimestamp are written; parts of a second are dropped. */
export function printGeneralizedTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
}

const daysOf = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether the text is `YYYYMMDDHHMMSS` of a day in the calendar. */
function isPlain(text: string): boolean {
  for (let n = 0; n < text.length; n++) {
    const code = text.charCodeAt(n);
    if (code < 0x30 || code > 0x39) return false;
  }
  const at = (from: number) => text.charCodeAt(from) * 10 + text.charCodeAt(from + 1) - 0x30 * 11;
  const month = at(4);
  const day = at(6);
  if (month < 1 || month > 12 || day < 1 || day > daysOf[month - 1]! || at(8) > 23 || at(10) > 59 || at(12) > 59) {
    return false;
  }
  if (month !== 2 || day !== 29) return true;
  const year = at(0) * 100 + at(2);
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
