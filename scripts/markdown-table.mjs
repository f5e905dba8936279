/**
 * Tables for the scripts and benches: Markdown that also reads well in a terminal.
 */

/** A Markdown table; the first column is aligned left, the others right. */
export function markdownTable(titles, rows) {
  const lines = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(3, ...lines.map((cells) => cells[column].length)));
  const line = (cells) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(titles), rule, ...rows.map(line)].join('\n');
}
