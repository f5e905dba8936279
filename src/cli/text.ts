/**
 * Figures and tables as a terminal shows them.
 */

/** A count with a comma between thousands. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

const UNITS = ['bytes', 'kB', 'MB', 'GB'] as const;

/** Bytes with three or four figures and a decimal unit (1 kB = 1,000 bytes), exact below 10,000. */
export function byteSize(bytes: number): string {
  if (bytes < 10_000) return `${grouped(bytes)} bytes`;
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(value < 100 ? 1 : 0)} ${UNITS[power]}`;
}

/** An error measure in scientific notation with three figures. */
export function figure(value: number): string {
  return value === 0 ? '0' : value.toExponential(2);
}

/** A fraction as a percentage with two decimals. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** A shape such as `64×3×3×3`; unknown dimensions as `?`, a scalar as `scalar`. */
export function shapeText(shape: readonly (number | string | null)[]): string {
  return shape.length === 0 ? 'scalar' : shape.map((dim) => dim ?? '?').join('×');
}

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Text of a file, fit for a terminal: control characters, which could move the cursor, become `�`. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}

/** An aligned table: a heading, then the rows, two spaces between columns. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const pad = (cell: string, column: number) =>
    columns[column]!.align === 'left' ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}
