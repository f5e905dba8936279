/** Packing of matrices into the panels of products. */
import { TILE_COLUMNS, TILE_ROWS } from '../../kernels/opcodes.ts';
import type { Argument } from '../../plan/buffer.ts';
import { bufferOf, type DeviceFacts, type Dispatch, type Lowering, numberOf } from '../dispatch.ts';
import { forEach } from '../wgsl.ts';

export const packRows: Lowering<'packRows'> = (
  facts,
  x,
  batches,
  batchStride,
  rowStride,
  columnStride,
  rows,
  columns,
  y,
) => pack(facts, x, batches, batchStride, rows, rowStride, columns, columnStride, TILE_ROWS, y);

export const packColumns: Lowering<'packColumns'> = (
  facts,
  x,
  batches,
  batchStride,
  rowStride,
  columnStride,
  rows,
  columns,
  y,
) => pack(facts, x, batches, batchStride, columns, columnStride, rows, rowStride, TILE_COLUMNS, y);

/** [batches][⌈across/tile⌉][depth][tile], zeros behind the last one across. */
function pack(
  facts: DeviceFacts,
  x: Argument,
  batches: Argument,
  batchStride: Argument,
  across: Argument,
  acrossStride: Argument,
  depth: Argument,
  depthStride: Argument,
  tile: number,
  y: Argument,
): readonly Dispatch[] {
  const [lanes, steps] = [numberOf(across), numberOf(depth)];
  const panels = Math.ceil(lanes / tile);
  const count = numberOf(batches) * panels * steps * tile;
  if (count === 0) return [];
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type: 'f32' },
    { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true },
  ] as const;
  const body = `let lane = i / ${tile * steps}u % ${panels}u * ${tile}u + i % ${tile}u;
let source = i / ${tile * steps * panels}u * ${numberOf(batchStride)}u + lane * ${numberOf(acrossStride)}u + i / ${tile}u % ${steps}u * ${numberOf(depthStride)}u;
y[i] = select(0, x[source], lane < ${lanes}u);`;
  return [forEach(facts, count, bindings, body)];
}
