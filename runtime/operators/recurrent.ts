/**
 * RNN, GRU and LSTM (ONNX operator documentation): one matrix product of the inputs of all times, then a kernel for the loop over
 * time.
 */
import { UnsupportedError } from '../../src/errors.ts';
import type { DType } from '../../src/graph/dtype.ts';
import { floatAttribute, intAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import { ACTIVATIONS } from '../kernels/activations.ts';
import { wordsOfFloats } from '../plan/buffer.ts';
import { sizeOf, type Value } from '../plan/value.ts';
import { multiplied } from './matrix-product.ts';
import type { Lower, Operators } from './operator.ts';

/** Words of the activation functions of all directions: number, alpha and beta each. */
function functionsOf(node: Node, directions: number, defaults: readonly string[]): number[] {
  const given = node.attributes.get('activations');
  const names = given?.type === 'strings' ? given.value.map(String) : new Array(directions).fill(defaults).flat();
  const queue = (name: string) => {
    const list = node.attributes.get(name);
    return list?.type === 'floats' ? [...list.value] : [];
  };
  const [alphas, betas] = [queue('activation_alpha'), queue('activation_beta')];
  if (names.length !== directions * defaults.length)
    throw new RangeError(`${node.op} with ${names.length} activations`);
  const numbers = Object.keys(ACTIVATIONS);
  return names.flatMap((name) => {
    const index = numbers.findIndex((each) => each.toLowerCase() === name.toLowerCase());
    const { alpha, beta } = ACTIVATIONS[numbers[index]!] ?? {};
    if (index < 0) throw new UnsupportedError(`${node.op} with activation ${name}`);
    // Only functions that have a parameter take one from the list.
    const own = [alpha === undefined ? 0 : (alphas.shift() ?? alpha), beta === undefined ? 0 : (betas.shift() ?? beta)];
    return [index, ...wordsOfFloats(own)];
  });
}

/** Lowers an operator with so many gates, whose functions are by default these. */
const recurrent =
  (gates: number, defaults: readonly string[]): Lower =>
  (plan, node, inputs) => {
    const [x, w, r, bias, lengths, initialHidden, initialCell, peepholes] = inputs as [
      Value,
      Value,
      Value,
      ...(Value | undefined)[],
    ];
    const [directions, rows, depth] = w.shape as [number, number, number];
    const size = rows / gates;
    if (x.shape[2] !== depth || r.shape[2] !== size) throw new RangeError(`${node.op}: [${x.shape}] by [${w.shape}]`);
    const isBatchFirst = intAttribute(node, 'layout', 0) === 1;
    const [batch, steps] = (isBatchFirst ? x.shape : [x.shape[1], x.shape[0]]) as [number, number];
    const starts = (length: number) => Array.from({ length: directions }, (_, direction) => direction * length);
    const gateInputs = multiplied(plan, [directions, steps * batch, rows], [1, 2], {
      a: x,
      b: w,
      rows: steps * batch,
      columns: rows,
      depth,
      aStrides: [depth, 1],
      bStrides: [1, depth],
      aOffsets: starts(0),
      bOffsets: starts(rows * depth),
    });
    const filled = (value: Value | undefined, dtype: DType, count: number, number: number) =>
      plan.buffer(value ?? plan.constant(dtype, [count], new Array(count).fill(number)));
    const stateShape = isBatchFirst ? [batch, directions, size] : [directions, batch, size];
    const state = (initial?: Value): Value => {
      const value = plan.tensor(x.dtype, stateShape);
      if (!initial) plan.step('fill', value, sizeOf(value), 0);
      else plan.step('copy', plan.table([1, 0, 0, sizeOf(value), 1, 1]), initial, value);
      return value;
    };
    const y = plan.tensor(x.dtype, isBatchFirst ? [batch, steps, directions, size] : [steps, directions, batch, size]);
    const [hidden, cell] = [state(initialHidden), state(initialCell)];
    const table = [
      gates,
      size,
      steps,
      batch,
      directions,
      stringAttribute(node, 'direction') === 'reverse' ? 1 : 0,
      intAttribute(node, 'linear_before_reset', 0),
      intAttribute(node, 'input_forget', 0),
      ...(isBatchFirst ? [1, steps] : [batch, 1]),
      ...(isBatchFirst
        ? [directions * size, steps * directions * size, size]
        : [directions * batch * size, size, batch * size]),
      ...(isBatchFirst ? [directions * size, size] : [size, batch * size]),
      ...wordsOfFloats([floatAttribute(node, 'clip', Number.POSITIVE_INFINITY)]),
      ...functionsOf(node, directions, defaults),
    ];
    plan.step(
      'recurrent',
      plan.table(table),
      gateInputs,
      r,
      filled(bias, 'float32', 2 * directions * rows, 0),
      filled(peepholes, 'float32', 3 * directions * size, 0),
      hidden,
      cell,
      filled(lengths, 'int32', batch, steps),
      y,
    );
    return [y, hidden, cell];
  };

export const RECURRENT_OPERATORS: Operators = {
  RNN: recurrent(1, ['Tanh']),
  GRU: recurrent(3, ['Sigmoid', 'Tanh']),
  LSTM: recurrent(4, ['Sigmoid', 'Tanh', 'Tanh']),
};
