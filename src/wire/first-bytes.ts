// The first bytes of a connection, looked at before it is decided what it is.
import type { Socket } from "node:net";

/**
 * Reads from a socket until `look` makes something of what has come, and gives back the bytes behind `length` to be read
 * again. `done` gets what it made; undefined and why, where the client went away, took longer than `time` milliseconds, or
 * sent what `look` throws for. The socket is then the caller's to destroy.
 */
export function readFirst<T>(
  socket: Socket,
  time: number,
  look: (bytes: Buffer) => { readonly found: T; readonly length: number } | undefined,
  done: (found: T | undefined, error?: Error) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const end = (found: T | undefined, error?: Error) => {
    clearTimeout(timer);
    socket.off("data", take).off("close", leave).off("end", leave).off("error", ignore);
    done(found, error);
  };
  const take = (chunk: Buffer) => {
    bytes = bytes.length > 0 ? Buffer.concat([bytes, chunk]) : chunk;
    let seen: ReturnType<typeof look>;
    try {
      seen = look(bytes);
    } catch (error) {
      end(undefined, error as Error);
      return;
    }
    if (!seen) return;
    // What is given back to a socket that flows would come again at once.
    socket.pause();
    if (seen.length < bytes.length) socket.unshift(bytes.subarray(seen.length));
    end(seen.found);
  };
  const leave = () => end(undefined, new Error("the client went away"));
  const ignore = () => {}; // "close" follows
  const timer = setTimeout(() => end(undefined, new Error("nothing came in time")), time);
  socket.on("data", take).on("close", leave).on("end", leave).on("error", ignore);
}
