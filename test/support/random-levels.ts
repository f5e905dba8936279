/** Operands of random levels, uniform or in chains. */
import { forEachCoded } from '../../formats/fqz/coded-order.ts';
import { multipleOf, nextState, quantizerOf } from '../../src/codec/dependent.ts';
import type { QuantizedOperand } from '../../src/codec/network.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { random } from './random.ts';

/** Levels of every size: long runs of zeros, small ones, and up to `largest`. */
export function randomLevels(count: number, seed: number, largest: number): Int32Array {
  const uniform = random(seed);
  return Int32Array.from({ length: count }, () => {
    const scale = uniform() < 0.6 ? 1 : largest ** uniform();
    return Math.trunc((2 * uniform() - 1) * scale * 1.4);
  });
}

export function randomUniform(shape: readonly number[], seed: number, largest: number): QuantizedOperand {
  return { kind: 'quantized', shape, levels: randomLevels(elementCount(shape), seed, largest), step: 0.5 };
}

/** Such levels as indices of chains along `chainAxis`. */
export function randomChains(
  shape: readonly number[],
  frequencyAxes: readonly number[],
  chainAxis: number,
  seed: number,
  largest: number,
): QuantizedOperand {
  const indices = randomLevels(elementCount(shape), seed, largest);
  const levels = new Int32Array(indices.length);
  const states = new Map<number, number>();
  const frequencies = frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1);
  forEachCoded({ shape, frequencyAxes, frequencies, chainAxis }, (offset, index) => {
    const chain = index[chainAxis]!;
    const state = states.get(chain) ?? 0;
    levels[offset] = multipleOf(quantizerOf(state), indices[offset]!);
    states.set(chain, nextState(state, indices[offset]!));
  });
  return { kind: 'quantized', shape, levels, step: 0.5, chainAxis };
}
