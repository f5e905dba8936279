/**
 * What the lowering of an operator is: a function from a node and its inputs, with concrete shapes, to output values,
 * emitting steps on the way.
 */
import type { TensorNetwork } from '../../src/codec/network.ts';
import type { DType } from '../../src/graph/dtype.ts';
import type { Node } from '../../src/graph/graph.ts';
import type { AllKernels } from '../kernels/all-kernels.ts';
import type { Argument, Buffer, PackedLayout } from '../plan/buffer.ts';
import type { Expanded } from '../plan/expanded.ts';
import type { Term } from '../plan/expression.ts';
import type { Producer, Value } from '../plan/value.ts';

/** An input that an optional position does not have is `undefined`. */
export type Inputs = readonly (Value | undefined)[];

/** Lowers one node. Returns its outputs in order; those that the node does not name may be left out. */
export type Lower = (plan: Lowering, node: Node, inputs: Inputs) => readonly Value[];

/** Lowering functions by ONNX operator name. */
export type Operators = Readonly<Record<string, Lower>>;

/**
 * The arguments of a kernel. Each may be a buffer that has no address yet, a value, which stands for its buffer, or nothing, for 0.
 */
export type Arguments<T extends readonly unknown[]> = { [Position in keyof T]: Argument | Value | undefined };

/** The plan under construction, as operators see it. */
export interface Lowering {
  /** Version of ONNX's default operator set of the graph. */
  readonly opset: number;
  /** Calls a kernel at this point of every run. */
  step<K extends keyof AllKernels>(kernel: K, ...args: Arguments<Parameters<AllKernels[K]>>): void;
  /** Room for `words` 32-bit words, contents undefined at first: a result or scratch. It is reused when the last step that names it is over. */
  temporary(words: number): Buffer;
  /** Words that are the same in every run, such as the geometry of a convolution. */
  table(words: ArrayLike<number>): Buffer;
  /** A table of float32 numbers. */
  floatTable(numbers: ArrayLike<number>): Buffer;
  /** A value whose elements steps will write to `buffer`, a new temporary unless given. */
  tensor(dtype: DType, shape: readonly number[], buffer?: Buffer): Value;
  /** The same elements under another shape (or a type of the same kind), without copying. */
  view(value: Value, shape: readonly number[], dtype?: DType): Value;
  /** A value whose elements are known now. */
  constant(dtype: DType, shape: readonly number[], numbers: readonly number[]): Value;
  /** Part of a stored weight, as a weight of its own that is made at load; without `weight`, of none. */
  derived(weight: Value | undefined, network: TensorNetwork): Value;
  /** Where a value's elements are; emits the steps that still have to make them. */
  buffer(value: Value): Buffer;
  /** The elements of a value that shapes depend on. Throws `NeedsNumbers` where they are not known while planning. */
  numbers(value: Value): readonly number[];
  /** `expression` over `shape`, to be computed where and when it costs least. Operands are broadcast to `shape`. */
  elementwise(dtype: DType, shape: readonly number[], expression: Term): Value;
  /** A value that a kernel with an epilogue makes: its steps are emitted when the element-wise operators behind it are known. */
  produce(dtype: DType, shape: readonly number[], producer: Producer): Value;
  /** The matrices of a value, packed for a product: at load where it is a weight, else in every run. */
  packed(value: Value, layout: PackedLayout): Buffer;
  /** A value whose channels are combinations of few maps, not written unless something wants them. */
  expand(dtype: DType, shape: readonly number[], expanded: Expanded): Value;
}
