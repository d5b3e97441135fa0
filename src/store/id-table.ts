// Something for each of many ids, found in a step or two. Ids are given one after the other, so that few pages stand for
// many of them; but any may be asked for first, and only pages that something stands on take memory.

const pageLength = 1024;

/** How many items stand on a page, behind them. */
const countAt = pageLength;

export class IdTable<T> {
  #pages: ((T | number | undefined)[] | undefined)[] = [];
  #count = 0;

  /** How many pages take memory. */
  get pages(): number {
    return this.#count;
  }

  get(id: number): T | undefined {
    const page = this.#pages[Math.floor(id / pageLength)];
    return page === undefined ? undefined : (page[id % pageLength] as T | undefined);
  }

  set(id: number, item: T | undefined): void {
    const number = Math.floor(id / pageLength);
    const at = id % pageLength;
    let page = this.#pages[number];
    if (page === undefined) {
      if (item === undefined) return;
      page = new Array<T | number | undefined>(pageLength + 1).fill(undefined);
      page[countAt] = 0;
      this.#pages[number] = page;
      this.#count++;
    }
    const items = (page[countAt] as number) + Number(item !== undefined) - Number(page[at] !== undefined);
    page[at] = item;
    page[countAt] = items;
    if (items > 0) return;
    this.#pages[number] = undefined;
    this.#count--;
  }

  clear(): void {
    this.#pages = [];
    this.#count = 0;
  }
}
