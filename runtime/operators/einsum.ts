/**
 * Einsum (ONNX operator documentation, after NumPy's): operands are contracted from left to right, each pair as one batched matrix
 * product of rearranged operands.
 */
import { type Node, stringAttribute } from '../../src/graph/graph.ts';
import { REDUCE_SUM } from '../kernels/opcodes.ts';
import { isIntegral, sizeOf, type Value } from '../plan/value.ts';
import { matrixProduct } from './matrix-product.ts';
import type { Lower, Lowering, Operators } from './operator.ts';
import { product } from './shapes.ts';
import { rowMajor, strided } from './strided-copy.ts';

/** An operand and the label of each of its axes. */
interface Term {
  readonly value: Value;
  readonly labels: readonly string[];
}

type Sizes = ReadonlyMap<string, number>;

/** The labels of a term; an ellipsis stands for `hidden` axes, whose labels are digits that count from the last. */
function labelsOf(term: string, hidden: number): string[] {
  const digits = Array.from({ length: hidden }, (_, index) => String(hidden - 1 - index));
  return term.split('...').flatMap((part, at) => [...(at ? digits : []), ...part]);
}

const lettersOf = (term: string) => term.replaceAll('.', '').length;

const sizesOf = (labels: readonly string[], sizes: Sizes) => labels.map((label) => sizes.get(label)!);
const productOf = (labels: readonly string[], sizes: Sizes) => product(sizesOf(labels, sizes));

/** The term with its axes in the order `labels`, repeated ones being a diagonal. */
function arranged(plan: Lowering, { value, labels: own }: Term, labels: readonly string[], sizes: Sizes): Value {
  const shape = sizesOf(labels, sizes);
  if (`${own}` === `${labels}`) return value;
  const strides = rowMajor(value.shape);
  const stride = (label: string) => own.reduce((sum, other, axis) => sum + (other === label ? strides[axis]! : 0), 0);
  return strided(plan, value, shape, labels.map(stride));
}

/** Sums over the labels that are not in `kept`. */
function summed(plan: Lowering, term: Term, kept: (label: string) => boolean, sizes: Sizes): Term {
  const labels = [...new Set(term.labels)];
  const [stay, go] = [labels.filter(kept), labels.filter((label) => !kept(label))];
  if (go.length === 0) return { value: arranged(plan, term, stay, sizes), labels: stay };
  const source = plan.buffer(arranged(plan, term, [...stay, ...go], sizes));
  const value = plan.tensor(term.value.dtype, sizesOf(stay, sizes));
  plan.step(
    'reduce',
    REDUCE_SUM,
    isIntegral(value.dtype) ? 1 : 0,
    source,
    value,
    sizeOf(value),
    productOf(go, sizes),
    1,
  );
  return { value, labels: stay };
}

/** The product of two terms, summed over the labels that both have and `kept` does not want. */
function contracted(
  plan: Lowering,
  node: Node,
  a: Term,
  b: Term,
  kept: (label: string) => boolean,
  sizes: Sizes,
): Term {
  const left = summed(plan, a, (label) => kept(label) || b.labels.includes(label), sizes);
  const right = summed(plan, b, (label) => kept(label) || a.labels.includes(label), sizes);
  const common = left.labels.filter((label) => right.labels.includes(label));
  const [batch, inner] = [common.filter(kept), common.filter((label) => !kept(label))];
  const [rows, columns] = [left, right].map(({ labels }) => labels.filter((label) => !common.includes(label))) as [
    string[],
    string[],
  ];
  const matrices = (term: Term, first: string[], second: string[]) => {
    const value = arranged(plan, term, [...batch, ...first, ...second], sizes);
    return plan.view(value, [productOf(batch, sizes), productOf(first, sizes), productOf(second, sizes)]);
  };
  const result = matrixProduct(plan, node, matrices(left, rows, inner), matrices(right, inner, columns));
  const labels = [...batch, ...rows, ...columns];
  return { value: plan.view(result, sizesOf(labels, sizes)), labels };
}

/** Lowers Einsum. */
const einsum: Lower = (plan, node, inputs) => {
  const equation = (stringAttribute(node, 'equation') ?? '').replaceAll(' ', '');
  const [left, right] = equation.split('->') as [string, string?];
  const parts = left.split(',');
  if (parts.length !== inputs.length) throw new RangeError(`Einsum: "${equation}" for ${inputs.length} inputs`);
  const hidden = parts.map((part, at) => inputs[at]!.shape.length - lettersOf(part));
  const sizes = new Map<string, number>();
  const all = parts.map((part, at) => {
    const { shape } = inputs[at]!;
    const labels = labelsOf(part, hidden[at]!);
    const fits = labels.every((label, axis) => {
      const [known = 1, size = 0] = [sizes.get(label), shape[axis]];
      if (known === 1) sizes.set(label, size);
      return known === 1 || size === 1 || size === known;
    });
    if (!fits || labels.length !== shape.length) throw new RangeError(`Einsum: "${part}" for [${shape}]`);
    return labels;
  });
  // NumPy's rule where the equation names no output: letters that occur once, in the alphabet's order.
  const once = [...new Set(left)]
    .filter((label) => /\w/.test(label) && left.split(label).length === 2)
    .sort()
    .join('');
  const target = labelsOf(right ?? `...${once}`, Math.max(0, ...hidden));
  const terms = all.map((labels, at): Term => {
    const value = inputs[at]!;
    // An axis that is broadcast takes no part.
    const own = labels.filter((label, axis) => value.shape[axis] === sizes.get(label));
    return { value: plan.view(value, sizesOf(own, sizes)), labels: own };
  });
  const [first, ...others] = terms as [Term, ...Term[]];
  let result = first;
  for (const [at, term] of others.entries()) {
    const kept = (label: string) =>
      target.includes(label) || others.slice(at + 1).some(({ labels }) => labels.includes(label));
    result = contracted(plan, node, result, term, kept, sizes);
  }
  result = summed(plan, result, (label) => target.includes(label), sizes);
  return [arranged(plan, result, target, sizes)];
};

export const EINSUM_OPERATORS: Operators = { Einsum: einsum };
