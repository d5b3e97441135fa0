// When answers go out: at the end of the turn of the event loop in which they were made, those of all connections one
// right after the other. The first write wakes the clients, and the others find them awake; written one by one among the
// requests, each would wake them anew, for more than the answer itself costs. Who speaks alone is answered at once.

/** How long answers wait at the most, in milliseconds: a turn in which much is asked may be long. */
const longestWait = 2;

export interface Answering {
  /** Writes what is ready. */
  flush(): void;
}

export class Turn {
  #due: Answering[] = [];
  #dueSince = 0;
  /** Whose request was heard last. */
  #last: Answering | undefined;
  readonly #end = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const connection of due) connection.flush();
  };

  /** Answers to what a connection sent are ready. */
  answered(connection: Answering): void {
    const isAlone = this.#last === connection && this.#due.length === 0;
    this.#last = connection;
    if (isAlone) connection.flush();
    else this.flushAtEnd(connection);
  }

  /** The connection is gone: it is not remembered for having spoken last. */
  left(connection: Answering): void {
    if (this.#last === connection) this.#last = undefined;
  }

  flushAtEnd(connection: Answering): void {
    const now = performance.now();
    if (this.#due.length === 0) {
      this.#dueSince = now;
      setImmediate(this.#end);
    }
    this.#due.push(connection);
    if (now - this.#dueSince > longestWait) this.#end();
  }
}
