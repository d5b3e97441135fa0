// When answers go out: at the end of the turn of the event loop in which they were made, those of all connections one
// right after the other. The first write wakes the clients, and the others find them awake; written one by one among the
// requests, each would wake them anew, for more than the answer itself costs. Who speaks alone is answered at once.

export interface Answering {
  /** Writes what is ready. */
  flush(): void;
}

export class Turn {
  #due: Answering[] = [];
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

  flushAtEnd(connection: Answering): void {
    this.#due.push(connection);
    if (this.#due.length === 1) setImmediate(this.#end);
  }
}
