/**
 * The tensor network: every stored weight is `einsum(expression, operands)`.
 *
 * Plain quantised weights, the N-D DCT of Frequency Regularization (Zhao et al. 2023, arXiv 2304.07973, section 3),
 * low rank, Tucker, CP and matrix product states are all expressions over three kinds of operand, so that the file
 * format, the planner and the runtime know one thing only.
 */

/** Numbers that the file carries, dense and row-major over `shape`: integers times a step. */
export interface QuantizedOperand {
  readonly kind: 'quantized';
  readonly shape: readonly number[];
  readonly levels: Int32Array;
  /** Value of level 1; positive. */
  readonly step: number;
}

/** Numbers that the file carries as floating point, dense and row-major over `shape`. */
export interface FloatOperand {
  readonly kind: 'float';
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** The precision that the file keeps; every value is exactly representable in it. */
  readonly precision: 'float16' | 'float32';
}

/** The first `count` rows of the orthonormal DCT-II matrix of size `size`: shape (count, size). Costs no bytes. */
export interface CosineOperand {
  readonly kind: 'cosine';
  readonly count: number;
  readonly size: number;
}

/** Operands that carry numbers of their own. */
export type CodedOperand = QuantizedOperand | FloatOperand;
export type Operand = CodedOperand | CosineOperand;

/**
 * A tensor of shape `shape` as a network. In `expression`, one letter names one axis, as in einsum:
 * `abcd,ao,bi,cu,dv->oiuv` is a core with four cosines.
 */
export interface TensorNetwork {
  readonly expression: string;
  readonly operands: readonly Operand[];
  readonly shape: readonly number[];
}
