/** Softmax and its logarithm over the middle axis: e to the distance from the largest element, over their sum. */
import { LOG_SOFTMAX } from '../../kernels/opcodes.ts';
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { rowsOf } from '../rows.ts';

export const softmax: Lowering<'softmax'> = (facts, kind, x, y, ...sizes) => {
  const [outer, count, inner] = sizes.map(numberOf) as [number, number, number];
  if (outer * count * inner === 0) return [];
  const rows = rowsOf(facts, outer, count, inner);
  const result = kind === LOG_SOFTMAX ? 'x[at] - most - logOf(sum)' : 'exp(x[at] - most) / sum';
  return [
    rows.dispatch(
      [
        { name: 'x', buffer: bufferOf(x)!, type: rows.elements('f32') },
        { name: 'y', buffer: bufferOf(y)!, type: rows.elements('f32'), written: true },
      ],
      `var most = x[base];
${rows.each('most = greatest(most, x[at]);')}${rows.fold('most', 'F', (a, b) => `greatest(${a}, ${b})`)}var sum = F(0);
${rows.each('sum += expOf(x[at] - most);')}${rows.fold('sum', 'F', (a, b) => `${a} + ${b}`)}${rows.each(`y[at] = ${result};`)}`,
    ),
  ];
};
