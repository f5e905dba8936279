/** Normalisation of rows: InstanceNormalization, LayerNormalization, GroupNormalization and their like. */
import * as opcodes from '../../kernels/opcodes.ts';
import { type Binding, bufferOf, type Lowering, numberOf, tableOf } from '../dispatch.ts';
import { clampText, floatText } from '../program.ts';
import { rowsOf } from '../rows.ts';

export const normalize: Lowering<'normalize'> = (
  facts,
  geometry,
  x,
  scale,
  bias,
  y,
  epsilon,
  low,
  high,
  mean,
  inverse,
) => {
  const g = tableOf(geometry);
  const [count, length] = [g[opcodes.NORMALIZE_ROWS]!, g[opcodes.NORMALIZE_LENGTH]!];
  const [period, step, run] = [
    g[opcodes.NORMALIZE_ROW_PERIOD]!,
    g[opcodes.NORMALIZE_ROW_STEP]!,
    g[opcodes.NORMALIZE_RUN]!,
  ];
  if (count * length === 0) return [];
  const rows = rowsOf(facts, count, length, 1);
  const bindings: Binding[] = [
    { name: 'x', buffer: bufferOf(x)!, type: rows.elements('f32') },
    { name: 'y', buffer: bufferOf(y)!, type: rows.elements('f32'), written: true },
  ];
  const add = (a: string, b: string) => `${a} + ${b}`;

  // Distances from the row's first element are small where the row is far from zero, and so is what their sum loses.
  let body = `let first = ${rows.along === 4 ? 'F(x[base].x)' : 'x[base]'};
var centre = F(0);
`;
  if (!g[opcodes.NORMALIZE_RMS]) {
    body += `${rows.each('centre += x[at] - first;')}${rows.fold('centre', 'F', add)}centre /= ${length};\n`;
  }
  const distance = g[opcodes.NORMALIZE_RMS] ? 'x[at]' : '(x[at] - first - centre)';
  body += `var deviation = F(0);
${rows.each(`let d = ${distance};\ndeviation += d * d;`)}${rows.fold('deviation', 'F', add)}let factor = 1 / sqrt(deviation / ${length} + ${floatText(numberOf(epsilon))});
`;
  const column = (lane: number) => (rows.along === 4 ? `(4u * j + ${lane}u)` : 'j');
  const parameter = (name: string) => {
    const index = (lane: number) => `${name}[row % ${period}u * ${step}u + ${column(lane)} / ${run}u]`;
    // Four columns have one parameter where a run is of whole vectors.
    return rows.along === 1 || run % 4 === 0 ? index(0) : `F(${[0, 1, 2, 3].map(index)})`;
  };
  let value = `${distance} * factor`;
  for (const [name, argument, operator] of [
    ['scale', scale, '*'],
    ['bias', bias, '+'],
  ] as const) {
    const buffer = bufferOf(argument);
    if (!buffer) continue;
    bindings.push({ name, buffer, type: 'f32' });
    value += ` ${operator} ${parameter(name)}`;
  }
  body += rows.each(`var value = ${value};
${clampText('value', numberOf(low), numberOf(high))}y[at] = value;`);
  for (const [name, argument, result] of [
    ['mean', mean, g[opcodes.NORMALIZE_RMS] ? 'F(0)' : '(first + centre)'],
    ['inverse', inverse, 'factor'],
  ] as const) {
    const buffer = bufferOf(argument);
    if (!buffer) continue;
    bindings.push({ name, buffer, type: 'f32', written: true });
    body += rows.store(name, result);
  }
  return [rows.dispatch(bindings, body)];
};
