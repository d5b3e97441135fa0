// What runs in the thread of a bulk load (load-thread.ts): a LoadWriter on the same database.
import { parentPort, workerData } from "node:worker_threads";
import { LdapError } from "../model/failure.js";
import { standardMatchingRules } from "../model/matching-rules.js";
import { Schema } from "../model/schema.js";
import { standardSyntaxes } from "../model/syntaxes.js";
import { Indexes } from "./indexes.js";
import type { LoadThreadAnswer, LoadThreadData, LoadThreadOrder } from "./load-messages.js";
import { LoadWriter } from "./load-writer.js";
import { Rows } from "./rows.js";

/** Rows are read for lists alone that were written before, each once. */
const cacheBytes = 1024 * 1024;

const port = parentPort!;
const { path, attributeTypes, objectClasses, numbers } = workerData as LoadThreadData;
const schema = new Schema({
  attributeTypes,
  objectClasses,
  matchingRules: standardMatchingRules,
  syntaxes: standardSyntaxes,
});
const numbered = new Map(numbers.map(([oid, number]) => [schema.attributeType(oid)!, number]));
const done: LoadThreadAnswer = { kind: "done" };
const opened = Rows.open(path, { cacheBytes, isShared: true }).then((rows) => ({
  rows,
  writer: new LoadWriter(rows, new Indexes(schema, numbered)),
}));

async function carryOut(order: LoadThreadOrder): Promise<void> {
  const { rows, writer } = await opened;
  if (order.kind === "take") {
    await writer.take(order.entries);
    return;
  }
  await writer[order.kind]();
  await rows.close();
}

function answerTo(error: unknown): LoadThreadAnswer {
  const { message } = error instanceof Error ? error : new Error(String(error));
  return { kind: "failed", code: error instanceof LdapError ? error.code : "other", message };
}

/** Whoever gives an order is told; nobody else is to be. */
opened.catch(() => {});
/** One order after the other. */
let before: Promise<void> = Promise.resolve();
port.on("message", (order: LoadThreadOrder) => {
  before = before
    .then(() => carryOut(order))
    .then(
      () => port.postMessage(done),
      (error) => port.postMessage(answerTo(error)),
    )
    .then(() => {
      if (order.kind !== "take") port.close();
    });
});
