#!/usr/bin/env node
// The gatehouse command.
import { run } from "./cli/commands.js";

process.exitCode = await run(process.argv.slice(2));
