/**
 * What a writer says of a weight before its numbers.
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { type CodedOperand, cosineAxes, dctExpression, LARGEST_RANK } from '../../src/codec/network.ts';
import { nearestStepCode, stepOf } from '../../src/codec/step.ts';
import { codedCount, forEachCoded } from './coded-order.ts';
import type { OperandHeader, WeightHeader } from './weight-header.ts';

/** The header of a weight. Throws `TypeError` where a step is none that a file can name. */
export function headerOf(weight: StoredWeight): WeightHeader {
  if ('tensor' in weight) return { dtype: weight.tensor.dtype, shape: weight.tensor.shape };
  const { expression, shape, operands } = weight.network;
  const { letters, cosines } = cosineAxes(weight.network);
  const headers = operands.map((operand, at): OperandHeader => {
    if (operand.kind === 'cosine') return operand;
    const frequencyAxes = [...letters[at]!].flatMap((letter, axis) => (cosines.has(letter) ? [axis] : []));
    const layout = { shape: operand.shape, frequencyAxes, frequencies: lastFrequency(operand, frequencyAxes) };
    return operand.kind === 'float'
      ? { kind: operand.precision, layout }
      : { kind: 'quantized', stepCode: stepCodeOf(operand.step), layout };
  });
  const core = headers[0]!.layout;
  const isDct =
    shape.length <= LARGEST_RANK &&
    core?.shape.length === shape.length &&
    dctExpression(shape.length, core.frequencyAxes) === expression;
  return { dtype: weight.dtype, shape: weight.shape, network: { expression, shape, operands: headers, isDct } };
}

/** Number of frequencies up to the last one, in zigzag order, that has an entry other than zero. */
function lastFrequency(operand: CodedOperand, frequencyAxes: readonly number[]): number {
  const all = frequencyAxes.reduce((product, axis) => product * operand.shape[axis]!, 1);
  const layout = { shape: operand.shape, frequencyAxes, frequencies: all };
  const perFrequency = codedCount({ ...layout, frequencies: 1 });
  const numbers = operand.kind === 'float' ? operand.values : operand.levels;
  let last = 0;
  let visited = 0;
  forEachCoded(layout, (offset) => {
    visited++;
    if (numbers[offset] !== 0) last = visited;
  });
  return Math.ceil(last / perFrequency);
}

function stepCodeOf(step: number): number {
  const code = nearestStepCode(step);
  if (stepOf(code) !== step) throw new TypeError(`step ${step} is not on the grid of steps`);
  return code;
}
