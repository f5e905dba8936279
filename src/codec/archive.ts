/**
 * What a `.fqz` file holds, in memory: the graph, and each initialiser either as a tensor network or unchanged.
 */
import type { DType } from '../graph/dtype.ts';
import type { Model } from '../graph/graph.ts';
import type { Preparation } from '../graph/preparation.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Operand, TensorNetwork } from './network.ts';

/**
 * One initialiser of the main graph. A `network` may be over a folded shape (a dense weight after Flatten as
 * (out, c, h, w)); its element order is that of `shape`, so the fold is a free reshape.
 */
export type StoredWeight =
  | { readonly name: string; readonly dtype: DType; readonly shape: readonly number[]; readonly network: TensorNetwork }
  | { readonly name: string; readonly tensor: Tensor };

/** The graph of an archive: as the project's own structure, or as an ONNX model for what the op table does not know. */
export type ArchiveGraph =
  /** `model.graph.initializers` is empty; the archive's `weights` are its initialisers. */
  | { readonly kind: 'compact'; readonly model: Model }
  /** A serialised ONNX model whose main graph has no initialisers, deflated (RFC 1951). */
  | { readonly kind: 'onnx'; readonly deflated: Uint8Array };

export interface Archive {
  readonly graph: ArchiveGraph;
  readonly weights: readonly StoredWeight[];
  readonly preparation?: Preparation;
  /** Class labels by index. */
  readonly labels?: readonly string[];
}

/** How a layer of a file refines an operand. */
export interface Refinement {
  /** By how much the step becomes finer: from 1, where only the levels change, to 255. */
  readonly factor: number;
  /** The levels before, uniform (in no chains) and row-major over the operand's shape. */
  readonly before: Int32Array;
}

/** A layer behind the first, for the operands of an archive that it refines: these are as they are behind the last layer. */
export type Layer = ReadonlyMap<Operand, Refinement>;
