/**
 * Weights that different decoders give, in a form in which they can be compared.
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { parseExpression, permute } from '../../src/codec/einsum.ts';
import { operandValues } from '../../src/codec/network.ts';

/** What a weight stands for, and its numbers with the axes of operands in alphabetical order. */
export function weightContents(weight: StoredWeight): unknown {
  if (!('network' in weight)) return weight;
  const { operands } = parseExpression(weight.network.expression);
  return {
    ...weight,
    network: weight.network.operands.map((operand, at) => {
      if (operand.kind === 'cosine') return operand;
      const { shape } = operand;
      const array = { letters: operands[at]!, shape, values: operandValues(operand) };
      const sorted = permute(array, [...operands[at]!].sort().join(''));
      return { kind: operand.kind, letters: sorted.letters, shape: sorted.shape, values: [...sorted.values] };
    }),
  };
}
