/**
 * What element-wise layers and operations combine: values and constants of different ranks, brought to one rank and one
 * order of axes.
 */
import { broadcastConstant, sameRank, together } from './broadcast.ts';
import type { KerasValue } from './graph-builder.ts';
import type { KerasArray, KerasLayer } from './keras-model.ts';
import { type AppliedLayer, type Argument, floatInput, layerError, valuesOf } from './layer-rule.ts';

/** A value or a constant; `order` and `flat` are those of the values. */
export type Operand = Pick<KerasValue, 'name' | 'shape' | 'order' | 'flat'>;

/**
 * All inputs as float32. A merging layer has them in one list, and where ranks differ sizes of 1 go behind the batch; an
 * operation has them one by one, with constants among them, and aligns the last axes as NumPy does.
 */
export function operandsOf(applied: AppliedLayer): Operand[] {
  const { layer, builder, args, kwargs } = applied;
  const second = kwargs.y ?? kwargs.x2;
  const isOperation = args.length > 1 || second !== undefined;
  const all = [...args, ...[second, kwargs.inputs].filter((argument) => argument !== undefined)].flatMap(itemsOf);
  const values = valuesOf(all).map((value) => floatInput(builder, value));
  const [first] = values;
  if (!first) throw layerError(layer, 'is called with no value');
  const aligned = together(builder, sameRank(builder, values, isOperation ? 0 : 1));
  const { shape, order, flat } = aligned[0]!;
  let next = 0;
  return all.map((argument): Operand => {
    if (argument.kind !== 'constant') return aligned[next++]!;
    const array = constantArray(layer, argument.value);
    const missing = shape.length - array.shape.length;
    if (missing < 0) throw layerError(layer, `is called with a constant of ${array.shape.length} axes, expected fewer`);
    const full = [...new Array<number>(missing).fill(1), ...array.shape];
    return {
      name: broadcastConstant(builder, 'constant', array, aligned[0]!),
      shape: full,
      order,
      ...(flat && { flat }),
    };
  });
}

function itemsOf(argument: Argument): Argument[] {
  return argument.kind === 'list' ? argument.items.flatMap(itemsOf) : [argument];
}

/** A number or nested lists of numbers as an array. Throws `FormatError` for anything else. */
export function constantArray(layer: KerasLayer, value: unknown): KerasArray {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const numbers = (Array.isArray(value) ? value.flat(shape.length) : [value]) as unknown[];
  const count = shape.reduce((product, size) => product * size, 1);
  if (numbers.length === count && count > 0 && numbers.every((each) => typeof each === 'number')) {
    return { shape, values: Float32Array.from(numbers as number[]) };
  }
  throw layerError(layer, `has ${JSON.stringify(value)?.slice(0, 60)} where an array of numbers was expected`);
}
