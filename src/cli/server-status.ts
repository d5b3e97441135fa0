// The state of a server that runs, put together when it is asked for.
import type { Application } from "../access/application.js";
import type { Directory } from "../access/directory.js";
import type { ApplicationStatus, ServerStatus } from "../operations/context.js";
import type { Metrics } from "../telemetry/metrics.js";
import { version } from "./version.js";

export interface StatusSources {
  readonly directory: Directory;
  readonly metrics: Metrics;
  /** When the server started, by its clock. */
  readonly started: number;
}

export function serverStatus({ directory, metrics, started }: StatusSources): ServerStatus {
  const { store, applications, clock } = directory;
  const now = clock();
  const reading = store.read();
  try {
    return {
      version: version(),
      started: timeText(started),
      uptimeSeconds: Math.floor((now - started) / 1000),
      entries: reading.entryCount,
      revision: reading.revision,
      connections: metrics.snapshot().connections.open,
      memoryBytes: process.memoryUsage.rss(),
      applications: applications.all.map((application) => applicationStatus(application, now)),
    };
  } finally {
    reading.release();
  }
}

function applicationStatus({ name, settings, contact }: Application, now: number): ApplicationStatus {
  const { connections, binds, userLogins, refusals, operations, lastAt, lastAddress } = contact;
  const allowed = settings.limits.connections;
  return {
    name,
    enabled: settings.enabled,
    ...(lastAt === 0
      ? {}
      : { lastContact: { time: timeText(now - (performance.now() - lastAt)), address: lastAddress } }),
    connections,
    ...(allowed === undefined ? {} : { connectionsAllowed: allowed }),
    binds,
    userLogins,
    refusals,
    operations,
  };
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}
