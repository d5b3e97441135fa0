// Rows of text in columns.

/** A line for each row, its cells under each other; those of the columns in `numbers` end under each other. */
export function tableLines(rows: readonly (readonly string[])[], numbers: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [n, cell] of row.entries()) widths[n] = Math.max(widths[n] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, n) => (numbers.has(n) ? cell.padStart(widths[n]!) : cell.padEnd(widths[n]!)))
      .join("  ")
      .trimEnd(),
  );
}
