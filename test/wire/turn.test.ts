import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Turn } from "../../src/wire/turn.js";

/** Connections by name, and what they wrote in its order. */
function connections(...names: readonly string[]) {
  const written: string[] = [];
  return { written, all: names.map((name) => ({ flush: () => void written.push(name) })) };
}

test("answers to several connections go out together when the turn ends, in their order", async () => {
  const turn = new Turn();
  const { written, all } = connections("first", "second", "third");
  for (const connection of all) turn.answered(connection);
  expect(written).toEqual([]);
  await nextTurn();
  expect(written).toEqual(["first", "second", "third"]);
});

test("who speaks alone is answered at once, and waits again when others speak", async () => {
  const turn = new Turn();
  const { written, all } = connections("one", "other");
  const [one, other] = all;
  turn.answered(one!);
  await nextTurn();
  turn.answered(one!);
  turn.answered(one!);
  expect(written).toEqual(["one", "one", "one"]);
  turn.answered(other!);
  turn.answered(one!);
  turn.answered(one!);
  expect(written).toEqual(["one", "one", "one"]);
  await nextTurn();
  expect(written.slice(3)).toEqual(expect.arrayContaining(["other", "one"]));
});

test("answers that are ready later go out at the end of that turn", async () => {
  const turn = new Turn();
  const { written, all } = connections("one");
  turn.flushAtEnd(all[0]!);
  expect(written).toEqual([]);
  await nextTurn();
  expect(written).toEqual(["one"]);
  turn.flushAtEnd(all[0]!);
  await nextTurn();
  expect(written).toEqual(["one", "one"]);
});
