// gatehouse verify: whether everything in the store agrees with everything else.
import type { Command } from "commander";
import { faultsIn } from "../store/faults/faults.js";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf, withStore } from "./configuration.js";
import { Failure } from "./failure.js";
import { counted, print } from "./output.js";

export function verify(program: Command): void {
  addCommand(
    program,
    "verify",
    "Read the whole store and say where its rows do not agree. The server must not run.",
    "gatehouse verify --config /etc/gatehouse",
  ).action(async ({ config }: ConfigOption) => {
    const settings = await settingsOf(config, { withTls: false });
    await withStore(settings, { make: false }, async (store) => {
      const found = faultsIn(store);
      let faults = 0;
      let next = await found.next();
      for (; !next.done; next = await found.next()) {
        faults++;
        print(next.value);
      }
      // Those that are there: the count of them may be what is wrong.
      const entries = counted(next.value, "entry", "entries");
      if (faults > 0) throw new Failure(`the store has ${counted(faults, "fault")} in ${entries}`);
      print(`${entries}, no faults`);
    });
  });
}
