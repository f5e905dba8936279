/**
 * Products in registers: every invocation computes a tile of a result, several rows times several columns, from numbers of the left factor
 * that all invocations of a row of tiles share, and numbers of the right factor that are its own. Convolutions are such products, too: filters are rows,
 * and pixels are columns.
 *
 * Neighbouring invocations have neighbouring columns, so that they read and write neighbouring words. Nothing is staged in memory that a
 * workgroup shares: caches hold what is read again, and on SwiftShader such memory is slower than any other.
 */
import type { Binding, DeviceFacts, Dispatch } from './dispatch.ts';
import type { EpilogueText } from './program.ts';
import { areQuads, inQuads, LANES, repeat } from './quads.ts';

/** What one invocation computes: `rows` vectors of four rows each, times `columns`. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

/**
 * What loads cost in multiplications, and how many invocations keep the device busy. On SwiftShader each of four invocations
 * loads each word by itself, which takes as long as a dozen of multiplications of all four.
 */
const costsOf = (facts: DeviceFacts) =>
  areQuads(facts) ? { load: 12, shared: 14, enough: 32 } : { load: 3, shared: 3, enough: 16384 };

/** Vectors of a tile that stay in registers. */
const MOST_VECTORS = 16;

/**
 * The cheapest tile, of so many vectors of rows (`heights`). `count` tells how many of a tile there are, and `loads` what a tile reads for how many
 * `steps` of depth: vectors that are `shared`, and numbers of its `own`.
 */
export function cheapestTile(
  facts: DeviceFacts,
  count: (tile: Tile) => number,
  loads: (tile: Tile) => { readonly shared: number; readonly own: number; readonly steps: number },
  heights: readonly number[] = [1, 2, 4],
): Tile {
  const costs = costsOf(facts);
  let best: Tile = { rows: 1, columns: 1 };
  let least = Number.POSITIVE_INFINITY;
  for (const rows of heights) {
    for (const columns of [1, 2, 4, 8]) {
      const tile = { rows, columns };
      if (rows * columns > MOST_VECTORS) continue;
      const { shared, own, steps } = loads(tile);
      const each = shared * costs.shared + own * costs.load + steps * rows * columns * LANES;
      const cost = each * Math.max(count(tile), costs.enough);
      if (cost >= least) continue;
      least = cost;
      best = tile;
    }
  }
  return best;
}

/** How the tiles of a result lie. */
export interface Tiling {
  /** Products, one after another. */
  readonly outer: number;
  /** Rows of one product. */
  readonly rows: number;
  /** Tiles side by side along the columns of one product. */
  readonly across: number;
  readonly tile: Tile;
}

/** Invocations that there are: those of a quad share their rows. */
export function invocationsOf({ outer, rows, across, tile }: Tiling): number {
  return outer * Math.ceil(rows / (tile.rows * LANES)) * Math.ceil(across / 4) * 4;
}

/** What a shader of products consists of. */
export interface Product {
  readonly tiling: Tiling;
  readonly bindings: readonly Binding[];
  readonly epilogue: EpilogueText;
  readonly y: Binding;
  /**
   * Statements that add to the sums `s0_0`, `s0_1`, …: vectors of rows, by column. They know `outer`, `row` (the first of the tile), `across`
   * (the tile's number) and `lane` (of the quad).
   */
  readonly code: string;
  /** Where the result's row `r` (of the product) has its bias, if there is any: an expression. */
  readonly bias?: string | undefined;
  /** Statements that name, for column `j` of the tile, its `place` among the epilogue's columns, and `isInside`. */
  readonly column: string;
  /** Statements that name, for row `r` of the product: `batch` and `line` as the epilogue wants them, and `at` in y, given the `place`. */
  readonly row: string;
}

/** Declares the sums, and what they grow by. */
export const sumsOf = ({ rows, columns }: Tile, piece: (row: number, column: number) => string): string =>
  repeat(rows, (row) => repeat(columns, (column) => piece(row, column)));

/**
 * Nested loops as one: the `head` of a loop, whose `body` knows the counters `inner` (i32, the last one the fastest), and the u32 `name`, which
 * begins at `first` and takes a `step` whenever all of them are through. On SwiftShader each loop that the sums go through stores them once more: with
 * two loops a convolution took one and a half times as long.
 */
export function passOver(
  name: string,
  first: string,
  step: number,
  inner: readonly (readonly [counter: string, count: number])[],
  head: string,
  body: string,
): string {
  const moving = inner.filter(([, count]) => count > 1);
  const advance = moving.reduceRight(
    (text, [counter, count]) =>
      `${text}${counter} += select(0, 1, isThrough);\nisThrough = isThrough & (${counter} == ${count});\n${counter} = select(${counter}, 0, isThrough);\n`,
    moving.length > 0 ? 'var isThrough = true;\n' : '',
  );
  return `var ${name} = ${first};
${repeat(inner.length, (at) => `${inner[at]![1] > 1 ? 'var' : 'let'} ${inner[at]![0]} = 0;\n`)}${head} {
${body}${advance}${name} += ${moving.length > 0 ? `select(0u, ${step}u, isThrough)` : `${step}u`};
}
`;
}

/**
 * The dispatch of a product. Results go through an array: stored one by one, each with an epilogue in the text, they take as long on SwiftShader, and
 * three times as long to compile.
 */
export function productDispatch(facts: DeviceFacts, product: Product): Dispatch {
  const { tiling, epilogue, code, y } = product;
  const { tile, rows } = tiling;
  const invocations = invocationsOf(tiling);
  const across = Math.ceil(tiling.across / 4) * 4;
  const height = tile.rows * LANES;
  const blocks = Math.ceil(rows / height);
  const store = (row: number) =>
    `{\nlet r = row + ${row}u;\n${rows % height > 0 ? `if (r < ${rows}u) ` : ''}{\n${product.row}\ny[at] = epilogue(sums[${row >> 2} + j * ${tile.rows}u][${row & 3}]${product.bias ? ` + bias[${product.bias}]` : ''}, batch, line, place);\n}\n}\n`;
  const text = `let across = i % ${across}u;
let row = i / ${across}u % ${blocks}u * ${height}u;
let outer = i / ${across * blocks}u;
${sumsOf(tile, (row, column) => `var s${row}_${column} = vec4f();\n`)}${code}
if (i >= ${invocations}u || across >= ${tiling.across}u) { return; }
var sums = array(${repeat(tile.columns, (column) => repeat(tile.rows, (row) => `s${row}_${column}`, ', '), ', ')});
for (var j = 0u; j < ${tile.columns}u; j++) {
${product.column}
if (!isInside) { continue; }
${repeat(height, store)}}`;
  return inQuads(facts, invocations, [...product.bindings, ...epilogue.bindings, y], text, epilogue.code);
}
