/** Pooling windows: MaxPool with its indices, AveragePool and LpPool over up to three axes. */
import * as opcodes from '../../kernels/opcodes.ts';
import { type Binding, bufferOf, type Lowering, tableOf } from '../dispatch.ts';
import { functionsFor } from '../functions.ts';
import { forEach, splitIndex } from '../wgsl.ts';

/** Coordinates of the output, and of an element of its window. */
const OUTPUT = ['d', 'h', 'w'];
const ELEMENT = ['z', 'r', 'c'];

/** Taps along an axis up to which there is a copy of the text for each, not a loop. */
const MOST_UNROLLED = 4;

interface Axis {
  readonly size: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
}

/** Runs `visit` for each element of the window along the axes from `at` on; those outside are passed over. */
function windowText(axes: readonly Axis[], at: number, visit: string): string {
  const axis = axes[at];
  if (!axis) return visit;
  const { size, out, kernel, stride, dilation, begin } = axis;
  const name = ELEMENT[at];
  const isWithin = begin === 0 && (out - 1) * stride + (kernel - 1) * dilation < size;
  // As unsigned numbers those before the first are large ones too.
  const tap = (number: string) => `{
let ${name} = ${OUTPUT[at]} * ${stride}u + ${number} * ${dilation}u - ${begin}u;
${isWithin ? '' : `if (${name} < ${size}u) `}{
${windowText(axes, at + 1, visit)}}
}
`;
  if (kernel > MOST_UNROLLED) return `for (var t${at} = 0u; t${at} < ${kernel}u; t${at}++) ${tap(`t${at}`)}`;
  return Array.from({ length: kernel }, (_, number) => tap(`${number}u`)).join('');
}

export const pool: Lowering<'pool'> = (facts, geometry, x, y, indices) => {
  const g = tableOf(geometry);
  const axis = (at: number) => ({
    size: g[opcodes.POOL_SIZE + at]!,
    out: g[opcodes.POOL_OUT + at]!,
    kernel: g[opcodes.POOL_KERNEL + at]!,
    stride: g[opcodes.POOL_STRIDE + at]!,
    dilation: g[opcodes.POOL_DILATION + at]!,
    begin: g[opcodes.POOL_PAD_BEGIN + at]!,
    end: g[opcodes.POOL_PAD_END + at]!,
  });
  const axes = [axis(0), axis(1), axis(2)] as const;
  const [depth, height, width] = axes.map(({ size }) => size) as [number, number, number];
  const count = axes.reduce((all, { out }) => all * out, g[opcodes.POOL_PLANES]!);
  if (count === 0) return [];
  const kind = g[opcodes.POOL_KIND]!;
  const p = g[opcodes.POOL_P]!;
  const bindings: Binding[] = [
    { name: 'x', buffer: bufferOf(x)!, type: 'f32' },
    { name: 'y', buffer: bufferOf(y)!, type: 'f32', written: true },
  ];
  const places = bufferOf(indices);
  if (places) bindings.push({ name: 'places', buffer: places, type: 'i32', written: true });

  const power = (value: string, exponent: number) => {
    if (exponent === 1) return value;
    return exponent === 2 ? `${value} * ${value}` : `power(${value}, F(${exponent}))`;
  };
  const element: Readonly<Record<number, string>> = {
    [opcodes.POOL_MAX]: `if (e > value || isNan(e)) { value = e;${places ? ' place = at;' : ''} }`,
    [opcodes.POOL_AVERAGE]: 'value += e;\ncounted += 1;',
    [opcodes.POOL_AVERAGE_PADDED]: 'value += e;',
    [opcodes.POOL_LP]: `let size = abs(e);\nvalue += ${power('size', p)};`,
  };
  const isMax = kind === opcodes.POOL_MAX;
  let body = splitIndex('i', [1, ...axes.map(({ out }) => out)], ['plane', ...OUTPUT]);
  body += `let start = plane * ${depth * height * width}u;
var value = F(${isMax ? 'bitcast<f32>(bits(-0x800000))' : 0});
var counted = ${kind === opcodes.POOL_AVERAGE ? 0 : 1}f;
var place = 0u;
`;
  if (kind === opcodes.POOL_AVERAGE_PADDED) {
    // What a window has behind the padding never counts.
    for (const [at, { size, kernel, stride, dilation, begin, end }] of axes.entries()) {
      const behind = `(${size + end + begin + dilation - 1}u - ${OUTPUT[at]} * ${stride}u) / ${dilation}u`;
      body += `counted *= f32(min(${kernel}u, ${behind}));\n`;
    }
  }
  const joined = element[kind]!;
  const visit = `let at = (z * ${height}u + r) * ${width}u + c;
let e = x[start + at];
${places && g[opcodes.POOL_COLUMN_MAJOR] ? joined.replace('= at', `= z + ${depth}u * (r + ${height}u * c)`) : joined}
`;
  body += windowText(axes, 0, visit);
  const results: Readonly<Record<number, string>> = {
    [opcodes.POOL_MAX]: 'value',
    [opcodes.POOL_LP]: p === 2 ? 'sqrt(value)' : power('value', 1 / p),
  };
  body += `y[i] = ${results[kind] ?? 'value / counted'};`;
  if (places) body += '\nplaces[i] = i32(start + place);';
  return [forEach(facts, count, bindings, body, functionsFor(body, 1))];
};
