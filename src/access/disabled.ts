// Whether a user is disabled: by the word of other directory servers (nsAccountLock), of the password policy draft
// (pwdAccountLockedTime: 000001010000Z is "until an administrator says otherwise") or of RFC 2307 (shadowExpire).
import { listedValues } from "../model/attribute-list.js";
import type { StoredEntry } from "../store/entry-row.js";

const day = 24 * 60 * 60 * 1000;
const lockedForGood = "000001010000Z";

/** `now`: milliseconds since 1970 UTC. */
export function isDisabled({ bytes, attributesStart, attributesEnd, kind }: StoredEntry, now: number): boolean {
  if (kind !== "user") return false;
  const first = (name: string) => listedValues(bytes, attributesStart, attributesEnd, name)[0]?.toString("latin1");
  if (first("nsAccountLock")?.toLowerCase() === "true") return true;
  if (first("pwdAccountLockedTime") === lockedForGood) return true;
  // Days since 1970 UTC; -1 and what is no number say nothing.
  const expires = Number(first("shadowExpire") ?? -1);
  return expires >= 0 && now >= expires * day;
}
