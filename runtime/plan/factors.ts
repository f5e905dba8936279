/**
 * A convolution's weight as three factors: a projection from channels to input frequencies, a small kernel between
 * frequencies, and an expansion from output frequencies to channels. This is the tensor network contracted only as far as is cheap
 * (Zhao et al. 2023, arXiv 2304.07973, equation 3, with the sums over channel frequencies left standing).
 */
import { cosineMatrix } from '../../src/codec/cosines.ts';
import { parseExpression } from '../../src/codec/einsum.ts';
import { contractNetwork, cosineAxes, type TensorNetwork } from '../../src/codec/network.ts';

/** A matrix, row-major. */
export interface Factor {
  readonly rows: number;
  readonly columns: number;
  readonly values: ArrayLike<number>;
}

/** Cosines of a channel axis: (frequencies, channels). */
export interface ChannelFactors {
  readonly input?: Factor;
  readonly output?: Factor;
}

/** The cosines over the channel axes of a weight, where there are fewer frequencies than channels. */
export function channelFactors(network: TensorNetwork, inAxis: number, outAxis: number): ChannelFactors {
  const { operands, result } = parseExpression(network.expression);
  const factor = (axis: number): Factor | undefined => {
    const cosine = network.operands.find(
      (operand, at) => operand.kind === 'cosine' && operands[at]![1] === result[axis],
    );
    if (cosine?.kind !== 'cosine' || cosine.count >= cosine.size) return undefined;
    return { rows: cosine.count, columns: cosine.size, values: cosineMatrix(cosine.count, cosine.size) };
  };
  const [input, output] = [factor(inAxis), factor(outAxis)];
  return { ...(input && { input }), ...(output && { output }) };
}

/** The rest of the weight when the cosines of the axes in `keep` are left out: its axes are in the weight's order. */
export function smallKernel(network: TensorNetwork, keep: readonly number[]): Float64Array {
  const letters = [...parseExpression(network.expression).result];
  for (const [frequency, { to }] of cosineAxes(network).cosines) {
    const axis = letters.indexOf(to);
    if (keep.includes(axis)) letters[axis] = frequency;
  }
  return contractNetwork(network, letters.join('')).values;
}
