import fc from "fast-check";
import { expect, test } from "vitest";
import { OperationRates } from "../../src/session/operation-rates.js";

test("without a limit nobody rests", () => {
  const rates = new OperationRates(0);
  for (let n = 0; n < 1000; n++) expect(rates.charge("wiki", 0)).toBe(0);
});

test("what one second allows may come at once; what comes then rests until there is room", () => {
  const rates = new OperationRates(10);
  for (let n = 0; n < 10; n++) expect(rates.charge("wiki", 1000)).toBe(0);
  expect(rates.charge("wiki", 1000)).toBe(100);
  expect(rates.charge("wiki", 1000)).toBe(200);
  expect(rates.charge("wiki", 1200)).toBe(100);
  expect(rates.charge("wiki", 2300)).toBe(0);
});

test("an application's own limit holds beside the server's, and the narrower wins", () => {
  const rates = new OperationRates(10);
  expect(rates.isLimited()).toBe(true);
  for (let n = 0; n < 2; n++) expect(rates.charge("wiki", 0, 2)).toBe(0);
  expect(rates.charge("wiki", 0, 2)).toBe(500);
  for (let n = 0; n < 10; n++) expect(rates.charge("tracker", 0, 20)).toBe(0);
  expect(rates.charge("tracker", 0, 20)).toBe(100);
});

test("where the server has no limit an application is held to its own, and no other to any", () => {
  const rates = new OperationRates(0);
  expect([rates.isLimited(), rates.isLimited(1)]).toEqual([false, true]);
  expect(rates.charge("wiki", 0, 1)).toBe(0);
  expect(rates.charge("wiki", 0, 1)).toBe(1000);
  for (let n = 0; n < 100; n++) expect(rates.charge("tracker", 0)).toBe(0);
});

test("a limit that was narrowed or lifted holds from the next operation on", () => {
  const rates = new OperationRates(0);
  expect(rates.charge("wiki", 0, 100)).toBe(0);
  expect(rates.charge("wiki", 0, 1)).toBe(0);
  expect(rates.charge("wiki", 0, 1)).toBe(1000);
  expect(rates.charge("wiki", 0)).toBe(0);
});

test("an application that rests keeps no other waiting", () => {
  const rates = new OperationRates(1);
  expect(rates.charge("wiki", 0)).toBe(0);
  expect(rates.charge("wiki", 0)).toBe(1000);
  expect(rates.charge("tracker", 0)).toBe(0);
});

test("whoever obeys stays within the rate over any time, but for what one second allows at once", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.integer({ min: 0, max: 3000 })), (perSecond, pauses) => {
      const rates = new OperationRates(perSecond);
      let now = 0;
      let count = 0;
      for (const pause of pauses) {
        now += pause;
        for (let n = 0; n < 20; n++) {
          now += rates.charge("wiki", now);
          count++;
        }
      }
      expect(count).toBeLessThanOrEqual(perSecond + (now * perSecond) / 1000 + 1);
    }),
  );
});
