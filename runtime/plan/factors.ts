/**
 * A weight as factors: a projection from channels to input frequencies, a small kernel between frequencies, and an expansion from
 * output frequencies to channels. This is the tensor network contracted only as far as is cheap (Zhao et al. 2023, arXiv
 * 2304.07973, equation 3, with the sums over channel frequencies left standing).
 */
import { cosineMatrix } from '../../src/codec/cosines.ts';
import { parseExpression } from '../../src/codec/einsum.ts';
import type { CosineOperand, TensorNetwork } from '../../src/codec/network.ts';

/** A matrix, row-major. */
export interface Factor {
  readonly rows: number;
  readonly columns: number;
  readonly values: ArrayLike<number>;
}

/** The cosines of a channel axis as a matrix: (frequencies, channels). */
export function factorOf({ count, size }: CosineOperand): Factor {
  return { rows: count, columns: size, values: cosineMatrix(count, size) };
}

/** The cosines over an axis of a weight, where there are fewer frequencies than channels. */
export function channelCosines(network: TensorNetwork, axis: number): CosineOperand | undefined {
  const { operands, result } = parseExpression(network.expression);
  return network.operands.find(
    (operand, at): operand is CosineOperand =>
      operand.kind === 'cosine' && operands[at]![1] === result[axis] && operand.count < operand.size,
  );
}

/** What is left of a weight without the cosines over the axes in `without`; `isTurned` puts its first axis last. */
export function kernelNetwork(network: TensorNetwork, without: readonly number[], isTurned = false): TensorNetwork {
  const { operands: letters, result } = parseExpression(network.expression);
  const axes = [...result].map((letter, axis) => ({ letter, size: network.shape[axis]! }));
  const kept = network.operands.flatMap((operand, at) => {
    const axis = operand.kind === 'cosine' ? result.indexOf(letters[at]![1]!) : -1;
    if (operand.kind !== 'cosine' || !without.includes(axis)) return [{ operand, letters: letters[at]! }];
    axes[axis] = { letter: letters[at]![0]!, size: operand.count };
    return [];
  });
  if (isTurned) axes.push(axes.shift()!);
  return {
    expression: `${kept.map((each) => each.letters)}->${axes.map(({ letter }) => letter).join('')}`,
    operands: kept.map(({ operand }) => operand),
    shape: axes.map(({ size }) => size),
  };
}

/** Cosines as a network of their own: (frequencies, channels), or (channels, frequencies) where `isTurned`. */
export function cosineNetwork(cosine: CosineOperand, isTurned: boolean | undefined): TensorNetwork {
  const { count, size } = cosine;
  const levels = Int32Array.from({ length: count * count }, (_, at) => Number(at % (count + 1) === 0));
  return {
    expression: `ab,bo->${isTurned ? 'oa' : 'ao'}`,
    operands: [{ kind: 'quantized', shape: [count, count], levels, step: 1 }, cosine],
    shape: isTurned ? [size, count] : [count, size],
  };
}
