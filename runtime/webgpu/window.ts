/**
 * Reads the elements of a row that the windows of neighbouring outputs cover, each once.
 */
import { repeat } from './quads.ts';

/** A few windows side by side, each with a few taps. */
export interface Windows {
  /** Elements of a row. */
  readonly width: number;
  /** Windows, and elements between the first taps of two of them. */
  readonly columns: number;
  readonly columnStep: number;
  readonly taps: number;
  readonly tapStep: number;
  /** Whether windows may stick out of the row, or the row out of the image: then `isRow` tells of the row. */
  readonly isPadded: boolean;
}

export interface WindowReader {
  /** Elements that are read. */
  readonly loads: number;
  /** The variable of what window `column` has at its tap. */
  name(column: number, tap: number): string;
  /**
   * Declares the variables: of a row of `source` that begins at the u32 `start`, with the first tap of the first window at the i32
   * `column`, which may be negative.
   */
  read(source: string, start: string, column: string): string;
}

export function windowReader({ width, columns, columnStep, taps, tapStep, isPadded }: Windows): WindowReader {
  const offsets: number[] = [];
  const names: number[][] = [];
  for (let column = 0; column < columns; column++) {
    names.push([]);
    for (let tap = 0; tap < taps; tap++) {
      const offset = column * columnStep + tap * tapStep;
      const known = offsets.indexOf(offset);
      names[column]!.push(known >= 0 ? known : offsets.push(offset) - 1);
    }
  }
  return {
    loads: offsets.length,
    name: (column, tap) => `x${names[column]![tap]}`,
    read: (source, start, column) =>
      repeat(offsets.length, (at) => {
        const place = `u32(${column} + ${offsets[at]})`;
        const element = `${source}[${start} + ${place}]`;
        const value = isPadded ? `select(0, ${element}, isRow & (${place} < ${width}u))` : element;
        return `let x${at} = ${value};\n`;
      }),
  };
}
