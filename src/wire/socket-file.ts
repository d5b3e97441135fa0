// The file of a Unix socket: nobody but its owner may open it, and one that a killed server left behind is no obstacle.
import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";

/** For files that only their owner may open. */
const ownerOnly = 0o177;

/** Makes way for a socket at `path`. Rejects with EADDRINUSE where a server answers there, and with EEXIST where another file stands. */
export async function clearSocketFile(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket() || (await isAnswered(path))) {
    const error: NodeJS.ErrnoException = new Error(`${path} is in use`);
    throw Object.assign(error, { code: found.isSocket() ? "EADDRINUSE" : "EEXIST", syscall: "listen", path });
  }
  unlinkSync(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Whatever else goes wrong (it is busy, it is somebody else's) is no sign that nobody is there.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

/** Runs `bind`, which makes the file before it returns, so that there is no moment in which others could open it. */
export function ownedByUs<T>(bind: () => T): T {
  const before = process.umask(ownerOnly);
  try {
    return bind();
  } finally {
    process.umask(before);
  }
}
