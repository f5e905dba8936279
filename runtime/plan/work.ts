/**
 * How much a plan has to compute.
 */
import * as word from '../kernels/opcodes.ts';
import type { Argument } from './buffer.ts';
import type { Plan, Step } from './plan.ts';

/** Multiplications that the products, convolutions and expansions of one run take. */
export function multiplications({ steps }: Plan): number {
  return steps.reduce((sum, step) => sum + multiplicationsOf(step), 0);
}

const CONV_SIZES = [
  word.CONV_BATCH,
  word.CONV_GROUPS,
  word.CONV_CHANNELS,
  word.CONV_FILTERS,
  word.CONV_KERNEL_HEIGHT,
  word.CONV_KERNEL_WIDTH,
];
const PER_OUTPUT = [...CONV_SIZES, word.CONV_OUT_HEIGHT, word.CONV_OUT_WIDTH];

/** The words of the geometry whose product is the number of multiplications, by kernel. */
const SIZES: Partial<Record<Step['kernel'], readonly number[]>> = {
  matmul: [word.MATMUL_ROWS, word.MATMUL_COLUMNS, word.MATMUL_DEPTH, word.MATMUL_BATCHES],
  conv: PER_OUTPUT,
  depthwise: PER_OUTPUT,
  convTranspose: [...CONV_SIZES, word.CONV_HEIGHT, word.CONV_WIDTH],
};
const EXPANSION = [word.EXPAND_BATCH, word.EXPAND_CHANNELS, word.EXPAND_HEIGHT, word.EXPAND_WIDTH];

function multiplicationsOf({ kernel, args }: Step): number {
  const geometry = contents(args[0]);
  const product = (positions: readonly number[]) => positions.reduce((all, position) => all * geometry[position]!, 1);
  if (kernel === 'expandProject') {
    return product(EXPANSION) * (geometry[word.EXPAND_RANK]! + geometry[word.EXPAND_OUTPUTS]!);
  }
  const sizes = SIZES[kernel];
  return sizes ? product(sizes) : 0;
}

function contents(argument: Argument | undefined): ArrayLike<number> {
  return typeof argument === 'object' && argument.kind === 'table' ? argument.contents : [];
}
