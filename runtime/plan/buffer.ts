/**
 * Places in a machine's memory, before they have an address.
 */
import type { TensorNetwork } from '../../src/codec/network.ts';

/**
 * A run of 32-bit words that steps read and write. A `temporary` lives from the first step that names it to the last; a `table`
 * holds the same words in every run of one plan; a `constant` is made once for all plans of a session.
 */
export type Buffer = TemporaryBuffer | TableBuffer | ConstantBuffer;

export interface TemporaryBuffer {
  readonly kind: 'temporary';
  readonly words: number;
}

export interface TableBuffer {
  readonly kind: 'table';
  readonly words: number;
  readonly contents: Int32Array;
}

export interface ConstantBuffer {
  readonly kind: 'constant';
  readonly words: number;
  /** Equal keys are the same buffer. */
  readonly key: string;
  /** What it is made of: numbers that the plan has, or the stored weight of this name. */
  readonly source: TensorNetwork | string;
  readonly layout: WeightLayout;
}

/** How a kernel wants a weight: row-major as ONNX has it, or in the panels of a matrix product. */
export type WeightLayout = { readonly side: 'plain' } | PackedLayout;

/** Arguments of `Kernels.packRows` and `Kernels.packColumns` besides the pointers. */
export interface PackedLayout {
  readonly side: 'rows' | 'columns';
  readonly batches: number;
  readonly batchStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
  readonly rows: number;
  readonly columns: number;
}

/** The arguments of a kernel call, addresses still open. */
export type Argument = number | Buffer;

/** Writes float32 numbers as the words of a table. */
export function wordsOfFloats(numbers: ArrayLike<number>): Int32Array {
  return new Int32Array(Float32Array.from(numbers).buffer);
}
