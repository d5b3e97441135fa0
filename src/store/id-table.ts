// Something for each of many ids, found in a step or two. Ids are given one after the other, so that few pages stand for
// many of them; but any may be asked for first, and only pages that something stands on take memory.

const pageLength = 1024;

export class IdTable<T> {
  #pages: ((T | undefined)[] | undefined)[] = [];

  get(id: number): T | undefined {
    const page = this.#pages[Math.floor(id / pageLength)];
    return page === undefined ? undefined : page[id % pageLength];
  }

  set(id: number, item: T | undefined): void {
    const number = Math.floor(id / pageLength);
    let page = this.#pages[number];
    if (page === undefined) {
      page = new Array<T | undefined>(pageLength).fill(undefined);
      this.#pages[number] = page;
    }
    page[id % pageLength] = item;
  }

  clear(): void {
    this.#pages = [];
  }
}
