/**
 * Functions element by element that networks for pictures seldom have (ONNX operator documentation): bits, and further activation functions.
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute, stringAttribute } from '../../src/graph/graph.ts';
import * as Opcode from '../kernels/opcodes.ts';
import { add, apply, divide, float, integer, multiply, select, subtract, type Term } from '../plan/expression.ts';
import type { Lower, Operators } from './operator.ts';
import { converted, type Formula, identity, pointwise, wrapped } from './pointwise.ts';

const isLess = (x: Term, y: Term) => apply(Opcode.LT, x, y);
const bits = (opcode: number) => pointwise((_, x, y) => apply(opcode, x, y));

const castLike: Lower = (plan, _node, [x, like]) => [
  plan.elementwise(like!.dtype, x!.shape, converted(x!, x!.dtype, like!.dtype)),
];

const bitShift: Formula = ({ node, dtype }, x, y) =>
  wrapped(dtype, apply(stringAttribute(node, 'direction') === 'LEFT' ? Opcode.SHIFT_LEFT : Opcode.SHIFT_RIGHT, x, y));

/** Infinities of the signs that the node asks for. */
const isInf: Formula = ({ node }, x) => {
  const [positive, negative] = ['detect_positive', 'detect_negative'].map((name) => intAttribute(node, name, 1));
  if (!positive && !negative) return integer(0);
  const sought = positive ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return apply(Opcode.EQ, positive && negative ? apply(Opcode.ABS, x) : x, sought);
};

const celu: Formula = ({ node }, x) => {
  const alpha = float(floatAttribute(node, 'alpha', 1));
  return select(isLess(x, 0), multiply(alpha, subtract(apply(Opcode.EXP, divide(x, alpha)), 1)), x);
};

const shrink: Formula = ({ node }, x) => {
  const bias = float(floatAttribute(node, 'bias', 0));
  const bound = floatAttribute(node, 'lambd', 0.5);
  return select(isLess(x, -bound), add(x, bias), select(isLess(bound, x), subtract(x, bias), 0));
};

/** Lets everything through; a node that is training does so where its ratio is 0. */
const dropout: Lower = (plan, node, [x, ratio, training]) => {
  if (training && plan.numbers(training)[0] && (ratio ? plan.numbers(ratio)[0] : 0.5)) {
    throw new UnsupportedError(`${node.op} that is training`);
  }
  return [...identity(plan, node, [x]), plan.elementwise('bool', x!.shape, integer(1))];
};

const thresholdedRelu: Formula = ({ node }, x) => select(isLess(floatAttribute(node, 'alpha', 1), x), x, 0);

export const FURTHER_ELEMENTWISE_OPERATORS: Operators = {
  CastLike: castLike,
  Dropout: dropout,
  BitShift: pointwise(bitShift),
  BitwiseAnd: bits(Opcode.AND),
  BitwiseOr: bits(Opcode.OR),
  BitwiseXor: bits(Opcode.XOR),
  BitwiseNot: pointwise(({ dtype }, x) => wrapped(dtype, apply(Opcode.XOR, x, integer(-1)))),
  IsInf: pointwise(isInf, 'bool'),
  Celu: pointwise(celu),
  Shrink: pointwise(shrink),
  ThresholdedRelu: pointwise(thresholdedRelu),
};
