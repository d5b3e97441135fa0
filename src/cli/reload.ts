// gatehouse reload: lets a server that runs read its configuration anew.
import type { Command } from "commander";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf } from "./configuration.js";
import { Failure } from "./failure.js";
import { print } from "./output.js";
import { reload, unreachable, withRunningServer } from "./running-server.js";

export function reloadConfiguration(program: Command): void {
  addCommand(
    program,
    "reload",
    "Let the running server read applications.yaml and its certificates anew, and say what is wrong with them. It is " +
      "reached by its Unix socket (ldapi:// in server.yaml); without one, send it SIGHUP.",
    "gatehouse reload --config /etc/gatehouse",
  ).action(async ({ config }: ConfigOption) => {
    const settings = await settingsOf(config, { withTls: false });
    const faults = await withRunningServer(settings, reload);
    if (faults === undefined) throw new Failure(`gatehouse: ${unreachable(settings, "send it SIGHUP instead")}`);
    if (faults.length > 0) throw new Failure(["gatehouse: the old configuration stays:", ...faults]);
    print("the configuration is read anew");
  });
}
