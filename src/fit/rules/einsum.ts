/**
 * The gradient of Einsum: by each operand it is the einsum of the cotangent and the other operands that has this operand's
 * indices as its result.
 */
import { type Node, stringAttribute } from '../../graph/graph.ts';
import type { Emitter } from '../emit.ts';
import { expandLike, sumTo } from './like.ts';
import { type GradientRule, unsupported } from './rule.ts';

/** The letters of every operand and of the result. */
interface Equation {
  readonly terms: readonly string[];
  readonly result: string;
}

export const einsum: GradientRule = (emit, { node, dy }) => {
  const { terms, result } = equationOf(emit, node);
  return node.inputs.map((operand, index) => {
    const term = terms[index]!;
    if (new Set(term).size < term.length) throw unsupported(node, 'an operand has the same index twice');
    const others = terms.filter((_, other) => other !== index);
    const isFound = (letter: string) => [result, ...others].some((letters) => letters.includes(letter));
    // An index of this operand alone is summed over: the gradient is the same all along it.
    const [found, alone] = [
      [...term].filter(isFound),
      [...term].flatMap((letter, axis) => (isFound(letter) ? [] : [axis])),
    ];
    const equation = `${[result, ...others].join()}->${found.join('')}`;
    const values = node.inputs.filter((_, other) => other !== index);
    const gradient = emit.Einsum(dy, ...values, { equation });
    if (alone.length > 0) return expandLike(emit, emit.Unsqueeze(gradient, alone), operand);
    return sumTo(emit, gradient, operand);
  });
};

/** The node's equation with its result and with letters for the ellipsis. */
function equationOf(emit: Emitter, node: Node): Equation {
  const equation = (stringAttribute(node, 'equation') ?? '').replaceAll(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const unused = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((letter) => !equation.includes(letter));
  const terms = left.split(',').map((term, index) => {
    if (!term.includes('...')) return term;
    const rank = emit.shapeOf(node.inputs[index] ?? '')?.length;
    if (rank === undefined) throw unsupported(node, `the rank of its operand ${index} is not known`);
    return term.replace('...', unused.slice(unused.length - (rank - (term.length - 3))).join(''));
  });
  const letters = [...terms.join('')];
  const ellipsis = unused.filter((letter) => letters.includes(letter)).join('');
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  const implied = once.filter((letter) => !ellipsis.includes(letter)).sort();
  return { terms, result: right?.replace('...', ellipsis) ?? ellipsis + implied.join('') };
}
