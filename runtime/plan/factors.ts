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
  const axes = [...result];
  const shape = [...network.shape];
  const stays = network.operands.map((operand, at) => {
    const [from, to] = letters[at]!;
    const axis = result.indexOf(to!);
    if (operand.kind !== 'cosine' || !without.includes(axis)) return true;
    axes[axis] = from!;
    shape[axis] = operand.count;
    return false;
  });
  if (isTurned) for (const list of [axes, shape] as unknown[][]) list.push(list.shift());
  return {
    expression: `${letters.filter((_, at) => stays[at])}->${axes.join('')}`,
    operands: network.operands.filter((_, at) => stays[at]),
    shape,
  };
}

/** Cosines as a network of their own: (frequencies, channels), or (channels, frequencies) where `isTurned`. */
export function cosineNetwork(cosine: CosineOperand, isTurned: boolean | undefined): TensorNetwork {
  const { count, size } = cosine;
  const levels = Int32Array.from({ length: count * count }, (_, at) => Number(at % (count + 1) === 0));
  const core = { kind: 'quantized', shape: [count, count], levels, step: 1 } as const;
  return kernelNetwork({ expression: 'ab,bo->ao', operands: [core, cosine], shape: [count, size] }, [], isTurned);
}
