// What became of an application since the server started: who is here through it, and what it asked. Plain numbers on one
// object, which a session holds from its bind on, so that counting costs an operation nothing to speak of. Kept in memory
// alone: a restart begins at 0.

export class Contact {
  /** Open sessions that are bound by it, or by a user through it. */
  connections = 0;
}
