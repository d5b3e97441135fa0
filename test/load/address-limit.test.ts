// limits.connectionsPerAddress: no address takes the room of the others.
import { expect, test } from "vitest";
import * as send from "../support/raw-client.js";
import { RawClient } from "../support/raw-client.js";
import { Crowd } from "./crowd.js";
import { Served } from "./served.js";

const most = 300;

test("beyond the limit the connections of one address are closed on arrival, those of another get in, and there is room again when one leaves", async () => {
  const served = await Served.start({ limits: { connectionsPerAddress: most } });
  const crowd = new Crowd();
  await crowd.open(served.port, most - 1);
  const last = await RawClient.connect(served.port, "127.0.0.1");
  expect(await last.whoAmI()).toBe("");
  await served.holds(most);

  const late = new Crowd();
  await late.open(served.port, 50);
  expect(await late.hear()).toEqual([{ count: 50, response: undefined }]);
  const stranger = await RawClient.connect(served.port, "127.0.0.2");
  expect(await stranger.whoAmI()).toBe("");
  expect(await last.whoAmI(2)).toBe("");
  expect(await crowd.ask(send.whoAmI(1))).toMatchObject([{ count: most - 1, response: { code: 0 } }]);

  last.socket.destroy();
  await served.holds(most); // the stranger's is one of them
  const next = await RawClient.connect(served.port, "127.0.0.1");
  expect(await next.whoAmI()).toBe("");
  expect(await (await RawClient.connect(served.port, "127.0.0.1")).rest()).toEqual([]);
});
