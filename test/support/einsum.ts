/**
 * einsum by its definition, to hold the codec's contractions against.
 */
import { type Operand, operandShape, operandValues, type TensorNetwork } from '../../src/codec/network.ts';

/** Sums the product of all operands over every combination of indices. */
export function einsumByDefinition({ expression, operands, shape }: TensorNetwork): Float64Array {
  const [left, result] = expression.split('->') as [string, string];
  const letters = left.split(',');
  const sizes = new Map<string, number>();
  operands.forEach((operand, at) => {
    [...letters[at]!].forEach((letter, axis) => {
      sizes.set(letter, operandShape(operand)[axis]!);
    });
  });
  const arrays = operands.map(valuesOf);
  const all = [...sizes.keys()];
  const index = new Map(all.map((letter) => [letter, 0]));
  const offset = (own: string) => [...own].reduce((sum, letter) => sum * sizes.get(letter)! + index.get(letter)!, 0);
  const values = new Float64Array(shape.reduce((product, size) => product * size, 1));
  for (;;) {
    values[offset(result)]! += arrays.reduce((product, array, at) => product * array[offset(letters[at]!)]!, 1);
    let letter = all.length - 1;
    for (; letter >= 0; letter--) {
      const next = index.get(all[letter]!)! + 1;
      index.set(all[letter]!, next === sizes.get(all[letter]!) ? 0 : next);
      if (next !== sizes.get(all[letter]!)) break;
    }
    if (letter < 0) return values;
  }
}

function valuesOf(operand: Operand): Float64Array {
  if (operand.kind !== 'cosine') return operandValues(operand);
  const { count, size } = operand;
  return Float64Array.from({ length: count * size }, (_, at) => {
    const [k, x] = [Math.floor(at / size), at % size];
    return Math.sqrt((k === 0 ? 1 : 2) / size) * Math.cos((Math.PI * (2 * x + 1) * k) / (2 * size));
  });
}

/** Largest absolute difference of two arrays of one length; infinite where the lengths differ. */
export function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let gap = 0;
  for (let at = 0; at < a.length; at++) gap = Math.max(gap, Math.abs(a[at]! - b[at]!));
  return gap;
}
