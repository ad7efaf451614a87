const TAB_WIDTH = 8

/**
 * Lines of a table as Go's text/tabwriter lays them out with minwidth 0, tabwidth 8, padding 1 and tabs for padding: the
 * width of a column is that of its longest cell and one more, rounded up to a multiple of 8; the last column is not
 * padded (spec fleet a.5).
 */
export function tabulate(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map(row => row.length))
  const widths: number[] = []
  for (let column = 0; column < columns - 1; column++) {
    const longest = Math.max(0, ...rows.map(row => length(row[column] ?? '')))
    widths.push(Math.ceil((longest + 1) / TAB_WIDTH) * TAB_WIDTH)
  }
  return rows
    .map(
      row => `${row.map((cell, column) => pad(cell, widths[column], column === row.length - 1)).join('')}\n`,
    )
    .join('')
}

function pad(cell: string, width: number | undefined, isLast: boolean): string {
  if (isLast || width === undefined) return cell
  return cell + '\t'.repeat(Math.ceil((width - length(cell)) / TAB_WIDTH))
}

/** In code points, as Go counts. */
function length(text: string): number {
  return [...text].length
}
