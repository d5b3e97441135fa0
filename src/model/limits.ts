// Every limit of the server: its name, its unit, its default. `config/server.yaml` shows each at its default.

const KiB = 1024;
const MiB = 1024 * KiB;
const seconds = 1000;
const minutes = 60 * seconds;

export type LimitUnit = "count" | "bytes" | "milliseconds";

interface LimitRow {
  readonly unit: LimitUnit;
  readonly default: number;
  /** Smallest value that makes sense. */
  readonly least: number;
  readonly means: string;
}

/** One row per limit. A new limit is a new row: settings, the sample file and their tests follow from it. */
export const limitTable = {
  messageBytes: {
    unit: "bytes",
    default: 4 * MiB,
    least: 1 * KiB,
    means: "The largest message taken from a client that has bound.",
  },
  messageBytesBeforeBind: {
    unit: "bytes",
    default: 256 * KiB,
    least: 1 * KiB,
    means: "The largest message taken from a client that has not bound yet.",
  },
  unfinishedBytes: {
    unit: "bytes",
    default: 64 * MiB,
    least: 1 * MiB,
    means:
      "Memory for messages begun and not finished, of all clients that have not bound; whose message goes beyond it is disconnected.",
  },
  messageTime: {
    unit: "milliseconds",
    default: 30 * seconds,
    least: 100,
    means: "A message once begun must be complete within this time.",
  },
  filterDepth: { unit: "count", default: 64, least: 1, means: "Levels of nesting in a search filter." },
  filterNodes: {
    unit: "count",
    default: 4096,
    least: 1,
    means: "Parts of a search filter in all, counting every assertion and every and, or, not.",
  },
  requestControls: { unit: "count", default: 32, least: 1, means: "Controls on one request." },
  requestAttributes: {
    unit: "count",
    default: 4096,
    least: 1,
    means: "Attributes named by one search, add or modify.",
  },
  requestValues: {
    unit: "count",
    default: 131_072,
    least: 1,
    means: "Values sent with one add or modify, in all its attributes.",
  },
  dnBytes: { unit: "bytes", default: 8 * KiB, least: 256, means: "The longest distinguished name taken." },
  operationsPerConnection: {
    unit: "count",
    default: 32,
    least: 1,
    means: "Operations one connection may have under way; beyond it the server reads no further from that connection.",
  },
  connections: {
    unit: "count",
    default: 10_000,
    least: 1,
    means: "Connections open at once; further ones are closed on arrival.",
  },
  connectionsPerAddress: {
    unit: "count",
    default: 5000,
    least: 1,
    means: "Connections open at once from one address; further ones are closed on arrival.",
  },
  operationsPerSecond: {
    unit: "count",
    default: 0,
    least: 0,
    means:
      "Operations a second of one application, all its connections together; beyond it they are read more slowly; 0 is no limit.",
  },
  handshakeTime: {
    unit: "milliseconds",
    default: 10 * seconds,
    least: 100,
    means: "A TLS handshake must be complete within this time, and so must a PROXY header.",
  },
  idleTime: {
    unit: "milliseconds",
    default: 30 * minutes,
    least: 1 * seconds,
    means: "A connection on which nothing has happened for this long is closed.",
  },
  idleTimeBeforeBind: {
    unit: "milliseconds",
    default: 2 * minutes,
    least: 1 * seconds,
    means: "The same for a connection that nobody has bound, where that is shorter.",
  },
  searchesSending: {
    unit: "count",
    default: 256,
    least: 1,
    means:
      "Searches that send entries at one time; others wait, and make clients that take nothing give up their place.",
  },
  writeStall: {
    unit: "milliseconds",
    default: 60 * seconds,
    least: 1 * seconds,
    means:
      "A client that takes nothing of its answers for this long is disconnected. Kernels tell of what is taken in steps of about 1.5 MB: who reads slower than one step in this time looks like it.",
  },
  sizeLimit: {
    unit: "count",
    default: 0,
    least: 0,
    means: "The most entries one search may return (a page walk in all); 0 is no limit.",
  },
  timeLimit: {
    unit: "milliseconds",
    default: 60 * seconds,
    least: 0,
    means: "The longest a search may take; 0 is no limit.",
  },
  pageSize: {
    unit: "count",
    default: 10_000,
    least: 1,
    means: "The most entries in one page, whatever the client asks for.",
  },
  pagedSearches: {
    unit: "count",
    default: 16,
    least: 1,
    means: "Page walks one connection may have open, each with its own snapshot; the oldest gives way.",
  },
  pagedSearchTime: {
    unit: "milliseconds",
    default: 5 * minutes,
    least: 1 * seconds,
    means: "A page walk not continued for this long loses its snapshot and goes on with the present data.",
  },
  passwordQueue: {
    unit: "count",
    default: 256,
    least: 1,
    means: "Passwords waiting to be hashed or verified; beyond it a bind is answered busy.",
  },
  writesWaiting: {
    unit: "count",
    default: 1024,
    least: 1,
    means: "Writes waiting for the writer; beyond it a write is answered busy.",
  },
  entryBytes: { unit: "bytes", default: 16 * MiB, least: 64 * KiB, means: "The largest entry kept." },
  changesKept: {
    unit: "count",
    default: 100_000,
    least: 1,
    means: "Committed writes kept readable in the change log.",
  },
  cacheBytes: { unit: "bytes", default: 192 * MiB, least: 1 * MiB, means: "Memory for hot entries and index rows." },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof limitTable;
export type Limits = Readonly<Record<LimitName, number>>;

export const defaultLimits: Limits = Object.freeze(
  Object.fromEntries(Object.entries(limitTable).map(([name, row]) => [name, row.default])) as Record<LimitName, number>,
);

/** The narrowest of several limits, of which 0 is none, and one that is not given is none either; 0 where there is none. */
export function narrowest(...limits: readonly (number | undefined)[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const limit of limits) if (limit !== undefined && limit > 0 && limit < least) least = limit;
  return least === Number.POSITIVE_INFINITY ? 0 : least;
}
