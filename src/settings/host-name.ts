// A client's host name in the place of an address: the name of a machine whose address is known to the DNS alone. Here it
// is a name and nothing else; what it stands for is asked while the server runs.
import { AddressRange, rangePattern } from "./address-range.js";
import { SettingError } from "./problem.js";
import { parsed } from "./shape.js";

const longestName = 253;

/** Underscores are no part of host names, but of those that container networks give. */
const label = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;

export class HostName {
  /** In lower case, without a dot at its end. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }

  /** Reads `wiki.example.com`. It has a dot, so that a misspelt word is not looked up, and what it finds let in. */
  static parse(text: string): HostName {
    const name = text.replace(/\.$/, "");
    const labels = name.split(".");
    if (name.length <= longestName && labels.length > 1 && labels.every((one) => label.test(one))) {
      return new HostName(name.toLowerCase());
    }
    throw new SettingError(
      `${JSON.stringify(text)} is neither an address nor a host name: write an address, such as 192.0.2.10, or a whole name with its dots, such as wiki.example.com`,
    );
  }

  toString(): string {
    return this.name;
  }

  toJSON(): string {
    return this.name;
  }
}

/** What ends in a word is meant as a name; what ends in a digit or a sign is an address, be it a misspelt one. */
const nameLike = /^(?!any$)(?:[^:/\s]*\.)?[a-z][^.:/\s]*\.?$/i;

/** Where an application may call from: a range of addresses, or a machine by its name. Throws SettingError. */
export function parseOrigin(text: string): AddressRange | HostName {
  return nameLike.test(text) ? HostName.parse(text) : AddressRange.parse(text);
}

/** An origin in a file of settings. */
export const origin = parsed(
  'an address such as "192.0.2.10" or "198.51.100.0/24", or a host name such as wiki.example.com',
  parseOrigin,
  `^(?:${rangePattern}|(?:[A-Za-z0-9_-]{1,63}\\.)+[A-Za-z][A-Za-z0-9_-]{0,62}\\.?)$`,
);
