// What one search for faults reads, and what it has learnt so far.
import type { Key } from "../keys.js";
import type { LevelStore } from "../level-store.js";
import { type Row, type RowReader, rangeOf } from "../rows.js";
import { type Space, spaces } from "./key-spaces.js";
import { ListSentences } from "./list-sentences.js";

export class Survey {
  readonly rows: RowReader;
  readonly store: LevelStore;
  readonly lists: ListSentences;
  /** How many entry rows there are. */
  entryRows = 0;
  /** The parent of each entry whose row is whole. */
  readonly entries = new Map<number, number>();
  /** Entries of which it was told that their row is damaged, or that there is none. */
  readonly doubtful = new Set<number>();
  /** Lists whose head row is gone. */
  readonly headless = new Set<Key>();
  /** Keys that say nothing. */
  readonly misfits = new Set<Key>();

  constructor(rows: RowReader, store: LevelStore) {
    this.rows = rows;
    this.store = store;
    this.lists = new ListSentences(store);
  }

  /** The rows of a space, some at a time. Those whose keys do not fit are left for the end. */
  async *rowsOf(space: Space): AsyncGenerator<Row[], void, void> {
    const { fits } = spaces[space];
    for await (const found of rangeOf(this.rows, space)) {
      yield found.filter(({ key }) => {
        if (fits(key)) return true;
        this.misfits.add(key);
        return false;
      });
    }
  }

  /** Whether there is no such entry and nobody said so yet. */
  isNews(id: number): boolean {
    if (this.entries.has(id) || this.doubtful.has(id)) return false;
    this.doubtful.add(id);
    return true;
  }
}
