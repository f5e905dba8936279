/**
 * How the columns of a row are dealt out to invocations, and how these read what the windows of their columns cover, each element once.
 */
import type { DeviceFacts } from './dispatch.ts';
import { groupSize, repeat } from './quads.ts';

/** Tiles of a row, each of so many columns. */
export interface Tiles {
  /** How many there are. */
  readonly count: number;
  /** From one column of a tile to the next. */
  readonly step: number;
  /** The first column of the tile whose number is the u32 `tile`. */
  first(tile: string): string;
}

/** Tiles of `each` columns side by side. */
export function adjacentColumns(columns: number, each: number): Tiles {
  return { count: Math.ceil(columns / each), step: 1, first: (tile) => `${tile} * ${each}u` };
}

/** Tiles of `each` columns such that a workgroup reads and writes neighbouring words, and keeps to one place in memory. */
export function interleavedColumns(facts: DeviceFacts, columns: number, each: number): Tiles {
  const runs = Math.ceil(columns / (groupSize(facts) * each));
  const step = Math.ceil(columns / (runs * each));
  return {
    count: runs * step,
    step,
    first: (tile) => `${tile} / ${step}u * ${step * each}u + ${tile} % ${step}u`,
  };
}

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
