/** ` (did you mean "search"?)` for the nearest of the words that is near enough to be a slip of the pen; else "". */
export function didYouMean(written: string, words: readonly string[]): string {
  if (written.length > 64) return "";
  const near = words
    .map((word) => ({ word, distance: editDistance(written.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, distance }) => distance <= Math.max(1, Math.floor(word.length / 3)))
    .sort((one, other) => one.distance - other.distance);
  return near[0] === undefined ? "" : ` (did you mean "${near[0].word}"?)`;
}

/** Letters inserted, left out, replaced or exchanged with their neighbour (optimal string alignment). */
function editDistance(one: string, other: string): number {
  let before: number[] = [];
  let above = Array.from({ length: other.length + 1 }, (_, n) => n);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = above[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      const exchanged =
        i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1] ? before[j - 2]! + 1 : replaced;
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, replaced, exchanged));
    }
    before = above;
    above = row;
  }
  return above[other.length]!;
}
