/**
 * Values of the graph as the plan knows them: type, concrete shape, and how to get at the elements.
 */
import type { TensorNetwork } from '../../src/codec/network.ts';
import type { DType } from '../../src/graph/dtype.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { INTEGER_ARRAYS } from '../../src/graph/typed-arrays.ts';
import type { Argument, Buffer } from './buffer.ts';
import type { Expanded } from './expanded.ts';
import type { Expression } from './expression.ts';

/** What follows a kernel's own arithmetic, as arguments: low, high, program, c1, c2, c3. */
export type Epilogue = readonly [
  low: number,
  high: number,
  program: Argument,
  c1: Argument,
  c2: Argument,
  c3: Argument,
];

/** A kernel that is still to be called, so that element-wise operators behind it can become its epilogue. */
export interface Producer {
  /**
   * Which axes of the result the kernel's epilogue calls batch (before `split[0]`), rows (before `split[1]`) and columns (the
   * rest).
   */
  readonly split: readonly [number, number];
  /** Whether the kernel takes `low` and `high` alone. */
  readonly clampOnly?: boolean;
  /** Emits the steps that write the result to `y`. */
  readonly emit: (y: Buffer, epilogue: Epilogue) => void;
}

/** What a value will be once something demands its elements. */
export interface Pending {
  readonly expression: Expression;
  readonly producer?: Producer;
  /** Parts of the expression that other nodes read too. */
  readonly parts: readonly Part[];
}

/** A value that became part of an expression: what it is there, and by which node. */
export interface Part {
  readonly value: Value;
  readonly expression: Expression;
  readonly node: number;
}

/** A tensor of the plan. At first it may be pending; it gets a buffer when the plan has to have its elements. */
export interface Value {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements, where the plan knows them already; integers saturate to int32. */
  readonly known?: readonly number[];
  /** Name of the stored weight that this is. */
  readonly weight?: string;
  /** How that weight is coded. */
  readonly network?: TensorNetwork;
  /** Whether its elements will be asked for in more than one place. */
  readonly shared: boolean;
  /** How many nodes will ask for it, the caller being one; 1 unless given. */
  readers?: number;
  buffer?: Buffer;
  pending?: Pending;
  /** The few maps that its channels are made of; it gets a buffer only where something wants the channels. */
  expanded?: Expanded;
}

/** Whether elements of this type are int32 words in memory; float32 words otherwise. */
export function isIntegral(dtype: DType): boolean {
  return dtype in INTEGER_ARRAYS;
}

/** Number of elements of a value. */
export function sizeOf(value: Pick<Value, 'shape'>): number {
  return elementCount(value.shape);
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}
