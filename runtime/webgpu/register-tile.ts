/**
 * Products in registers: every invocation computes a tile of a result, several rows times several columns, from numbers of the left factor
 * that all invocations of a row of tiles share, and numbers of the right factor that are its own. Convolutions are such products, too: filters are rows,
 * and pixels are columns.
 *
 * Neighbouring invocations have neighbouring columns, so that they read and write neighbouring words. Nothing is staged in memory that a
 * workgroup shares: caches hold what is read again, and barriers would cost more.
 */
import type { Binding, DeviceFacts, Dispatch } from './dispatch.ts';
import type { EpilogueText } from './program.ts';

/** What one invocation computes: `rows` vectors of four rows each (of one, in a product with a single row), times `columns`. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

/** Rows of a vector. */
export const ROW_LANES = 4;

/** An adapter whose subgroups are quads is a program on the CPU (SwiftShader). */
const isSoftware = ({ subgroupSize }: DeviceFacts) => subgroupSize === 4;

/**
 * What loads cost in multiplications, and how many invocations keep the device busy. On SwiftShader each of four invocations
 * loads each word by itself, which takes as long as a dozen of multiplications of all four.
 */
const costsOf = (facts: DeviceFacts) =>
  isSoftware(facts) ? { load: 12, shared: 14, enough: 32 } : { load: 3, shared: 3, enough: 16384 };

/** Vectors of a tile that stay in registers. */
const MOST_VECTORS = 16;

/**
 * The cheapest tile. `count` tells how many of a tile's size there are, and `loads` what a tile reads for how many steps of depth: vectors that are shared,
 * and numbers of its own.
 */
export function cheapestTile(
  facts: DeviceFacts,
  count: (tile: Tile) => number,
  loads: (tile: Tile) => { readonly shared: number; readonly own: number; readonly steps: number },
): Tile {
  const costs = costsOf(facts);
  let best: Tile = { rows: 1, columns: 1 };
  let least = Number.POSITIVE_INFINITY;
  for (const rows of [1, 2, 4]) {
    for (const columns of [1, 2, 4, 8]) {
      const tile = { rows, columns };
      if (rows * columns > MOST_VECTORS) continue;
      const { shared, own, steps } = loads(tile);
      const each = shared * costs.shared + own * costs.load + steps * rows * columns * ROW_LANES;
      const cost = each * Math.max(count(tile), costs.enough);
      if (cost >= least) continue;
      least = cost;
      best = tile;
    }
  }
  return best;
}

/** How shaders read four numbers in a row that are the same for the invocations of a quad. */
export interface SharedReader {
  /** The type of the binding. */
  readonly type: 'f32' | 'vec4<f32>';
  /** Declares the variable `name`: the four numbers from `4 * (at)` on. */
  read(name: string, source: string, at: string): string;
}

/** Four numbers as a vector; on SwiftShader, where a load is dear, each invocation of the quad loads one of them. */
export function sharedReader(facts: DeviceFacts): SharedReader {
  if (!isSoftware(facts)) {
    return { type: 'vec4<f32>', read: (name, source, at) => `let ${name} = ${source}[${at}];\n` };
  }
  return { type: 'f32', read: (name, source, at) => spread(name, `${source}[(${at}) * 4 + lane]`) };
}

/** Declares the vector `name` of what the four invocations of a quad read. */
function spread(name: string, own: string): string {
  const parts = repeat(4, (at) => `quadBroadcast(${name}q, ${at})`, ', ');
  return `let ${name}q = ${own};\nlet ${name} = vec4f(${parts});\n`;
}

/** Declares the vector `name` of four numbers that are the same for all of a quad, the place of each given by its number. */
export function sharedNumbers(facts: DeviceFacts, name: string, place: (number: string) => string): string {
  if (isSoftware(facts)) return spread(name, place('lane'));
  return `let ${name} = vec4f(${repeat(4, (at) => place(`${at}u`), ', ')});\n`;
}

/** Pieces of text by number, behind each other. */
export function repeat(count: number, piece: (at: number) => string, separator = ''): string {
  return Array.from({ length: count }, (_, at) => piece(at)).join(separator);
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
  return outer * Math.ceil(rows / (tile.rows * ROW_LANES)) * Math.ceil(across / 4) * 4;
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
  /**
   * Statements behind `var column = u32` that name, for column `j` of the tile: `isInside`, `at` (in y), and `batch`, `line`, `place`, the
   * coordinates for the epilogue. They know `r` (the row of the product).
   */
  readonly store: string;
}

/** Declares the sums, and what they grow by. */
export const sumsOf = ({ rows, columns }: Tile, piece: (row: number, column: number) => string): string =>
  repeat(rows, (row) => repeat(columns, (column) => piece(row, column)));

/** The dispatch of a product. */
export function productDispatch(facts: DeviceFacts, product: Product): Dispatch {
  const { tiling, epilogue, code, store, y } = product;
  const { tile, rows } = tiling;
  const invocations = invocationsOf(tiling);
  const across = Math.ceil(tiling.across / 4) * 4;
  const height = tile.rows * ROW_LANES;
  const blocks = Math.ceil(rows / height);
  const size = isSoftware(facts) ? 16 : 64;
  const groups = Math.ceil(invocations / size);
  const x = Math.min(groups, facts.mostGroups);
  const sums = repeat(ROW_LANES * tile.rows, (row) =>
    repeat(tile.columns, (column) => `s${row >> 2}_${column}[${row & 3}],`),
  );
  const text = `${epilogue.code}
@compute @workgroup_size(${size}) fn main(@builtin(global_invocation_id) id: vec3u) {
let i = id.x + id.y * ${x * size}u;
let lane = i & 3u;
let across = i % ${across}u;
let row = i / ${across}u % ${blocks}u * ${height}u;
let outer = i / ${across * blocks}u;
${sumsOf(tile, (row, column) => `var s${row}_${column} = vec4f();\n`)}${code}
if (i >= ${invocations}u || across >= ${tiling.across}u) { return; }
var sums = array(${sums});
for (var k = 0u; k < ${height * tile.columns}u; k++) {
let r = row + k / ${tile.columns}u;
let j = k % ${tile.columns}u;
${store}
if (r < ${rows}u && isInside) { y[at] = epilogue(sums[k]${product.bias ? ` + bias[${product.bias}]` : ''}, batch, line, place); }
}
}`;
  return {
    code: text,
    bindings: [...product.bindings, ...epilogue.bindings, y],
    groups: [x, Math.ceil(groups / x), 1],
  };
}
