import { expect, test } from "vitest";
import { resultCodes } from "../../src/model/result-code.js";
import { Histogram, Metrics } from "../../src/telemetry/metrics.js";

test("operations are counted by name and result code, and timed", () => {
  const metrics = new Metrics();
  metrics.operation("search", "success", 1);
  metrics.operation("search", "success", 3);
  metrics.operation("search", "noSuchObject", 2);
  metrics.operation("bind", "invalidCredentials", 100);
  const { operations } = metrics.snapshot();
  expect(operations.search.results).toEqual({ success: 2, noSuchObject: 1 });
  expect(operations.bind.results).toEqual({ invalidCredentials: 1 });
  expect(operations.add.results).toEqual({});
  expect(operations.search.durations).toMatchObject({ count: 3, sum: 0.006 });
});

test("every result code has a counter of its own", () => {
  const metrics = new Metrics();
  const codes = Object.keys(resultCodes) as (keyof typeof resultCodes)[];
  for (const code of codes) metrics.operation("modify", code, 0);
  expect(metrics.snapshot().operations.modify.results).toEqual(Object.fromEntries(codes.map((code) => [code, 1])));
});

test("connections, entries, commits and rows are counted", () => {
  const metrics = new Metrics();
  metrics.connectionOpened();
  metrics.connectionOpened();
  metrics.connectionClosed();
  metrics.entriesReturned(250);
  metrics.entriesReturned(1);
  metrics.committed(4);
  metrics.committed(3);
  expect(metrics.snapshot()).toMatchObject({
    connections: { open: 1, opened: 2 },
    entriesReturned: 251,
    commits: 2,
    rows: 7,
  });
});

test.each([
  ["nothing", 0, 0.000001],
  ["a negative time, from a clock set back", -5, 0.000001],
  ["1 µs", 0.001, 0.000001],
  ["just more than 1 µs", 0.0011, 0.000002],
  ["2 µs", 0.002, 0.000002],
  ["1024 µs", 1.024, 0.001024],
  ["1025 µs", 1.025, 0.002048],
  ["the last bound", 2 ** 26 / 1000, 67.108864],
  ["more than the last bound", 2 ** 26 / 1000 + 1, Number.POSITIVE_INFINITY],
  ["a day", 86_400_000, Number.POSITIVE_INFINITY],
])("%s falls into the bucket that ends at or above it", (_, milliseconds, seconds) => {
  const histogram = new Histogram();
  histogram.record(milliseconds);
  const hit = histogram.snapshot().buckets.filter((bucket) => bucket.count > 0);
  expect(hit).toEqual([{ seconds, count: 1 }]);
});
