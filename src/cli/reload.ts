// gatehouse reload: lets a server that runs read its configuration anew.
import type { Command } from "commander";
import { addCommand, type ConfigOption } from "./command.js";
import { settingsOf } from "./configuration.js";
import { Failure } from "./failure.js";
import { print } from "./output.js";
import { reload, withRunningServer } from "./running-server.js";

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
    if (faults === undefined) throw new Failure(`gatehouse: ${unreachable(settings.server.listen)}`);
    if (faults.length > 0) throw new Failure(["gatehouse: the old configuration stays:", ...faults]);
    print("the configuration is read anew");
  });
}

function unreachable(listen: readonly { readonly scheme: string; readonly text: string }[]): string {
  const sockets = listen.filter(({ scheme }) => scheme === "ldapi").map(({ text }) => text);
  return sockets.length === 0
    ? "server.yaml has no ldapi:// address to reach the server by; send it SIGHUP instead"
    : `no server answers at ${sockets.join(" or ")}`;
}
