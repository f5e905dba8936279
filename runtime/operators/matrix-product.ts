/**
 * Matrix products as steps: the call of the kernel that all operators of the kind share, and NumPy's matmul on it.
 */
import { UnsupportedError } from '../../src/errors.ts';
import type { Node } from '../../src/graph/graph.ts';
import { TILE_COLUMNS } from '../kernels/opcodes.ts';
import { matmulScratch } from '../kernels/scratch.ts';
import { float, operand } from '../plan/expression.ts';
import { broadcastStrides } from '../plan/program.ts';
import { isIntegral, sizeOf, type Value } from '../plan/value.ts';
import type { Lowering } from './operator.ts';
import { broadcastShape, product } from './shapes.ts';

/** Batched product of (rows, depth) and (depth, columns) matrices; strides and offsets are in elements. */
export interface Factors {
  readonly a: Value;
  readonly b: Value;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Of rows and depth. */
  readonly aStrides: readonly [number, number];
  /** Of depth and columns. */
  readonly bStrides: readonly [number, number];
  /** Where each batch's matrices begin in a and b. Those of b are row-major arrays one after another. */
  readonly aOffsets: readonly number[];
  readonly bOffsets: readonly number[];
  /** Added to the product, with strides of rows and columns. */
  readonly bias?: Value | undefined;
  readonly biasStrides?: readonly [number, number];
}

/**
 * The product as a value of shape `shape`, whose axes before `split[0]` are batches, those before `split[1]` rows, the rest
 * columns. Throws `UnsupportedError` for integers.
 */
export function multiplied(
  plan: Lowering,
  shape: readonly number[],
  split: readonly [number, number],
  factors: Factors,
): Value {
  const { a, b, rows, columns, depth, bias, aOffsets, bOffsets } = factors;
  if (isIntegral(a.dtype) || isIntegral(b.dtype)) throw new UnsupportedError('a matrix product of integers');
  if (depth === 0) return plan.elementwise(a.dtype, shape, bias ? operand(bias) : float(0));
  const size = depth * columns;
  const [rowStride, columnStride] = factors.bStrides;
  const isPacked = b.weight !== undefined;
  const packedSize = Math.ceil(columns / TILE_COLUMNS) * TILE_COLUMNS * depth;
  const geometry = [
    rows,
    columns,
    depth,
    aOffsets.length,
    ...factors.aStrides,
    rowStride,
    columnStride,
    isPacked ? 1 : 0,
    ...(factors.biasStrides ?? [0, 0]),
    ...aOffsets.flatMap((offset, batch) => [
      offset,
      isPacked ? (bOffsets[batch]! / size) * packedSize : bOffsets[batch]!,
    ]),
  ];
  const left = plan.buffer(a);
  const right = isPacked
    ? plan.packed(b, {
        side: 'columns',
        batches: sizeOf(b) / size,
        batchStride: size,
        rowStride,
        columnStride,
        rows: depth,
        columns,
      })
    : plan.buffer(b);
  const added = bias ? plan.buffer(bias) : 0;
  return plan.produce(a.dtype, shape, {
    split,
    emit(y, epilogue) {
      const scratch = plan.temporary(matmulScratch(geometry) / 4);
      plan.step('matmul', plan.table(geometry), left, right, added, y, ...epilogue, scratch);
    },
  });
}

/** NumPy's matmul: the last two axes are matrices, those before them are broadcast, vectors are a row or a column. */
export function matrixProduct(plan: Lowering, node: Node, a: Value, b: Value): Value {
  const aShape = a.shape.length > 1 ? a.shape : [1, ...a.shape];
  const bShape = b.shape.length > 1 ? b.shape : [...b.shape, 1];
  const [rows, depth] = aShape.slice(-2) as [number, number];
  const [bDepth, columns] = bShape.slice(-2) as [number, number];
  if (depth !== bDepth) throw new RangeError(`${node.op} of [${a.shape}] and [${b.shape}]`);
  const [aBatch, bBatch] = [aShape.slice(0, -2), bShape.slice(0, -2)];
  const batch = broadcastShape(node, aBatch, bBatch);
  const shape = [...batch, ...(a.shape.length > 1 ? [rows] : []), ...(b.shape.length > 1 ? [columns] : [])];
  const ends = shape.length - (b.shape.length > 1 ? 1 : 0);
  const common = { a, b, columns, depth, aStrides: [depth, 1], bStrides: [columns, 1] } as const;
  if (bBatch.every((dim) => dim === 1)) {
    // One large product: the batches of the left factor are further rows of it.
    const allRows = rows * product(aBatch);
    return multiplied(plan, shape, [0, ends], { ...common, rows: allRows, aOffsets: [0], bOffsets: [0] });
  }
  const aOffsets = beginnings(aBatch, batch, rows * depth);
  const bOffsets = beginnings(bBatch, batch, depth * columns);
  return multiplied(plan, shape, [batch.length, ends], { ...common, rows, aOffsets, bOffsets });
}

/** Where the arrays of `size` elements begin that an array of them of shape `shape`, broadcast to `over`, consists of. */
function beginnings(shape: readonly number[], over: readonly number[], size: number): number[] {
  let found = [0];
  for (const [axis, stride] of broadcastStrides(shape, over).entries()) {
    found = found.flatMap((start) => Array.from({ length: over[axis]! }, (_, index) => start + index * stride * size));
  }
  return found;
}
