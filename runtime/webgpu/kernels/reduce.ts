/** Reductions of the middle axis, and where its extremes are. */
import * as opcodes from '../../kernels/opcodes.ts';
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { rowsOf } from '../rows.ts';

/** What a reduction starts with, by type, and how two parts are joined; `x` is an element. */
interface Reduction {
  readonly start: readonly [float: string, integer: string];
  readonly element?: string;
  readonly join: (a: string, b: string, isInteger: boolean) => string;
}

const SUM: Reduction = { start: ['F(0)', 'I(0)'], join: (a, b) => `${a} + ${b}` };

const extreme = (infinity: string, integer: string, join: string, joinIntegers: string): Reduction => ({
  start: [`F(bitcast<f32>(bits(${infinity})))`, `I(${integer})`],
  join: (a, b, isInteger) => `${isInteger ? joinIntegers : join}(${a}, ${b})`,
});

const REDUCTIONS: Readonly<Record<number, Reduction>> = {
  [opcodes.REDUCE_SUM]: SUM,
  [opcodes.REDUCE_MEAN]: SUM,
  [opcodes.REDUCE_MAX]: extreme('-0x800000', '-2147483648', 'greatest', 'max'),
  [opcodes.REDUCE_MIN]: extreme('0x7f800000', '0x7fffffff', 'least', 'min'),
  [opcodes.REDUCE_PROD]: { start: ['F(1)', 'I(1)'], join: (a, b) => `${a} * ${b}` },
  [opcodes.REDUCE_SUM_SQUARE]: { ...SUM, element: 'x[at] * x[at]' },
};

export const reduce: Lowering<'reduce'> = (facts, kind, integers, x, y, ...sizes) => {
  const [outer, count, inner] = sizes.map(numberOf) as [number, number, number];
  if (outer * inner === 0) return [];
  const { start, element = 'x[at]', join } = REDUCTIONS[numberOf(kind)]!;
  const isInteger = numberOf(integers) !== 0;
  const [word, type] = isInteger ? (['i32', 'I'] as const) : (['f32', 'F'] as const);
  const joined = (a: string, b: string) => join(a, b, isInteger);
  const rows = rowsOf(facts, outer, count, inner);
  const result = kind === opcodes.REDUCE_MEAN ? `(all / ${type}(${count}))` : 'all';
  return [
    rows.dispatch(
      [
        { name: 'x', buffer: bufferOf(x)!, type: rows.elements(word) },
        { name: 'y', buffer: bufferOf(y)!, type: rows.results(word), written: true },
      ],
      `var all = ${start[isInteger ? 1 : 0]};
${rows.each(`all = ${joined('all', element)};`)}${rows.fold('all', type, joined)}${rows.store('y', result)}`,
    ),
  ];
};

export const arg: Lowering<'arg'> = (facts, kind, last, integers, x, y, ...sizes) => {
  const [outer, count, inner] = sizes.map(numberOf) as [number, number, number];
  if (outer * inner === 0) return [];
  const sign = kind === opcodes.REDUCE_MAX ? '>' : '<';
  const order = last === 0 ? '<' : '>';
  const rows = rowsOf(facts, outer, count, inner, true);
  const at = (j: string) => `x[base + ${j} * ${inner}u]`;
  // Every part starts with the first element, so that its NaN, than which nothing is better, wins as in a loop over all.
  const body = `var best = 0u;
${rows.each(`if (${at('j')} ${sign} ${at('best')} || (${at('j')} == ${at('best')} && j ${order} best)) { best = j; }`)}`;
  const join = (a: string, b: string) =>
    `select(${a}, ${b}, ${at(b)} ${sign} ${at(a)} || (${at(b)} == ${at(a)} && ${b} ${order} ${a}))`;
  return [
    rows.dispatch(
      [
        { name: 'x', buffer: bufferOf(x)!, type: integers === 0 ? 'f32' : 'i32' },
        { name: 'y', buffer: bufferOf(y)!, type: 'i32', written: true },
      ],
      `${body}${rows.fold('best', 'U', join)}${rows.store('y', 'i32(best)')}`,
    ),
  ];
};
