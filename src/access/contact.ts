// What became of an application since the server started: who is here through it, and what it asked. Plain numbers on one
// object, which a session holds from its bind on, so that counting costs an operation nothing to speak of. Kept in memory
// alone: it outlasts reloads, and begins at 0 when the server starts.

export class Contact {
  /** Open sessions that are bound by it, or by a user through it. */
  connections = 0;
  /** Its own binds that succeeded, and those of users through it. */
  binds = 0;
  userLogins = 0;
  /** Of binds and of operations. */
  refusals = 0;
  /** What it and its users asked, binds apart. */
  operations = 0;
  /** When it last asked or came in, in milliseconds of `performance.now()`; 0: never. A bind that is refused may be anybody's. */
  lastAt = 0;
  lastAddress = "";

  asked(now: number, address: string): void {
    this.operations += 1;
    this.#seen(now, address);
  }

  cameIn(as: "application" | "user", now: number, address: string): void {
    if (as === "application") this.binds += 1;
    else this.userLogins += 1;
    this.#seen(now, address);
  }

  #seen(now: number, address: string): void {
    this.lastAt = now;
    this.lastAddress = address;
  }
}
