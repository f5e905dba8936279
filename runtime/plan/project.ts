/**
 * Steps that turn expanded values into memory: projected onto few outputs, or channel by channel.
 */

import { node } from '../../src/graph/graph.ts';
import { EXPAND_LANES } from '../kernels/opcodes.ts';
import { CONVOLUTION_OPERATORS } from '../operators/convolution.ts';
import type { Lowering } from '../operators/operator.ts';
import type { Argument, Buffer } from './buffer.ts';
import { type ExpandedPart, isBare, isLinear, type Matrix, sizeOfPart } from './expanded.ts';
import { add } from './expression.ts';
import type { Factor } from './factors.ts';
import { sizeOf, type Value } from './value.ts';

const padded = (count: number) => Math.ceil(count / EXPAND_LANES) * EXPAND_LANES;

/** A known matrix in the layout of `Kernels.expandProject`. */
export function matrixWords({ factors, shift }: Extract<Matrix, { kind: 'known' }>, rank: number): Float32Array {
  const row = padded(rank) + EXPAND_LANES;
  const words = new Float32Array(shift.length * row);
  for (let channel = 0; channel < shift.length; channel++) {
    words.set(factors.subarray(channel * rank, (channel + 1) * rank), channel * row);
    words[channel * row + padded(rank)] = shift[channel]!;
  }
  return words;
}

/** Columns `first` to `first + count` of a projection, in the layout of `Kernels.expandProject`. */
function projectionWords({ rows, columns, values }: Factor, first: number, count: number): Float32Array {
  const row = padded(rows);
  const words = new Float32Array(count * row);
  for (let output = 0; output < rows; output++) {
    for (let channel = 0; channel < count; channel++) {
      words[channel * row + output] = values[output * columns + first + channel]!;
    }
  }
  return words;
}

/** The product of a projection's columns and a known matrix: from the maps to the outputs directly. */
function combine(projection: Factor, first: number, part: ExpandedPart, matrix: Extract<Matrix, { kind: 'known' }>) {
  const { rank, channels } = part;
  const { rows, columns, values } = projection;
  const factors = new Float64Array(rows * rank);
  const shift = new Float64Array(rows);
  for (let output = 0; output < rows; output++) {
    for (let channel = 0; channel < channels; channel++) {
      const weight = values[output * columns + first + channel]!;
      shift[output]! += weight * matrix.shift[channel]!;
      for (let a = 0; a < rank; a++) factors[output * rank + a]! += weight * matrix.factors[channel * rank + a]!;
    }
  }
  return { kind: 'known', factors, shift } as const;
}

/** Where the outputs of a part go: planes of the size of the whole value. */
interface Target {
  readonly y: Buffer;
  readonly batch: number;
  /** Channels of y. */
  readonly channels: number;
  /** First channel that the part writes. */
  readonly first: number;
  readonly accumulate: boolean;
}

/** Emits the kernel call for one part; `projection` is a table, or 0 for the channels themselves. */
function emitPart(plan: Lowering, part: ExpandedPart, projection: Argument, outputs: number, target: Target): void {
  const { matrix, rank, pads, pooled } = part;
  const [height, width] = sizeOfPart(part);
  const isPlain = !pooled && isBare(part);
  const plane = height * width;
  const geometry = [
    target.batch,
    rank,
    part.channels,
    isPlain ? 1 : part.height,
    isPlain ? plane : part.width,
    pooled ? 1 : 0,
    matrix.kind === 'computed' ? matrix.sampleStride : 0,
    outputs,
    target.channels * plane,
    plane,
    width,
    target.first * plane + pads[0] * width + pads[1],
    target.accumulate ? 1 : 0,
  ];
  const address = matrix.kind === 'computed' ? matrix.address : plan.floatTable(matrixWords(matrix, rank));
  plan.step('expandProject', plan.table(geometry), part.maps, address, projection, target.y, part.low, part.high);
}

/** Σ_c projection[r, c] · x[c] of a value (N, C, H, W): a value (N, rows, H, W), part by part where x is expanded. */
export function project(plan: Lowering, x: Value, projection: Factor): Value {
  const { rows } = projection;
  const [batch, , height, width] = x.shape as [number, number, number, number];
  if (!x.expanded) return projectDense(plan, x, projection, 0);
  const result = plan.tensor(x.dtype, [batch, rows, height, width]);
  const y = plan.buffer(result);
  const sums: Value[] = [];
  let accumulate = false;
  const offsets = new Map<ExpandedPart, number>();
  let first = 0;
  for (const part of x.expanded.parts) {
    if (part.kind === 'dense') sums.push(projectDense(plan, part.value, projection, first));
    else offsets.set(part, first);
    first += part.channels;
  }
  // What covers the whole result comes first, so that the others can be added to it.
  const parts = [...offsets.keys()].sort((a, b) => Number(isBare(b)) - Number(isBare(a)));
  if (!parts.every(isBare) && !isBare(parts[0]!)) {
    plan.step('fill', y, sizeOf(result), 0);
    accumulate = true;
  }
  for (const part of parts) {
    const at = offsets.get(part)!;
    const target = { y, batch, channels: rows, first: 0, accumulate };
    if (part.matrix.kind === 'known' && isLinear({ ...part, pads: [0, 0, 0, 0] })) {
      const matrix = combine(projection, at, part, part.matrix);
      emitPart(plan, { ...part, channels: rows, matrix }, 0, rows, target);
    } else {
      emitPart(plan, part, plan.floatTable(projectionWords(projection, at, part.channels)), rows, target);
    }
    accumulate = true;
  }
  const whole = sums.reduce<Value>((sum, next) => plan.elementwise(x.dtype, result.shape, add(sum, next)), result);
  return whole;
}

function projectDense(plan: Lowering, x: Value, { rows, columns, values }: Factor, first: number): Value {
  const channels = x.shape[1]!;
  const weight = Array.from({ length: rows * channels }, (_, at) => {
    return values[Math.floor(at / channels) * columns + first + (at % channels)]!;
  });
  const kernel = plan.constant('float32', [rows, channels, 1, 1], weight);
  return CONVOLUTION_OPERATORS.Conv!(plan, node('Conv', ['x', 'w'], ['y']), [x, kernel])[0]!;
}

/** Writes all channels of an expanded value (N, C, H, W). */
export function materialiseExpanded(plan: Lowering, value: Value): Buffer {
  const [batch, channels, height, width] = value.shape as [number, number, number, number];
  const y = plan.temporary(sizeOf(value));
  const { parts } = value.expanded!;
  if (parts.some((part) => part.kind === 'expanded' && !isBare(part))) {
    plan.step('fill', y, y.words, 0);
  }
  let first = 0;
  for (const part of parts) {
    if (part.kind === 'expanded')
      emitPart(plan, part, 0, part.channels, { y, batch, channels, first, accumulate: false });
    else copyPlanes(plan, part.value, y, first * height * width, channels * height * width);
    first += part.channels;
  }
  return y;
}

function copyPlanes(plan: Lowering, value: Value, y: Buffer, start: number, sampleStride: number): void {
  const [batch] = value.shape as [number];
  const words = sizeOf(value) / batch;
  plan.step('copy', plan.table([2, 0, start, batch, words, words, 1, sampleStride, 1]), value, y);
}
