/** Slices of the middle axis, picked by index or mixed by weights. */
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { forEach } from '../wgsl.ts';

export const gather: Lowering<'gather'> = (facts, x, indices, y, ...sizes) => {
  const [outer, size, given, count] = sizes.map(numberOf) as [number, number, number, number];
  if (outer * given * count === 0) return [];
  const lanes = given % 4 === 0 ? 4 : 1;
  const inner = given / lanes;
  const type = lanes === 4 ? 'vec4<i32>' : 'i32';
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type },
    { name: 'at', buffer: bufferOf(indices)!, type: 'i32' },
    { name: 'y', buffer: bufferOf(y)!, type, written: true },
  ] as const;
  const body = `let row = i / ${inner}u;
let given = at[row % ${count}u];
let place = u32(clamp(select(given, given + ${size}, given < 0), 0, ${size - 1}));
y[i] = x[(row / ${count}u * ${size}u + place) * ${inner}u + i % ${inner}u];`;
  return [forEach(facts, outer * count * inner, bindings, body)];
};

export const interpolate: Lowering<'interpolate'> = (facts, x, y, ...rest) => {
  const [outer, inSize, outSize, given, taps] = rest.slice(0, 5).map(numberOf) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (outer * outSize * given === 0) return [];
  const lanes = given % 4 === 0 ? 4 : 1;
  const inner = given / lanes;
  const type = lanes === 4 ? 'vec4<f32>' : 'f32';
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type },
    { name: 'y', buffer: bufferOf(y)!, type, written: true },
    { name: 'indices', buffer: bufferOf(rest[5]!)!, type: 'i32' },
    { name: 'weights', buffer: bufferOf(rest[6]!)!, type: 'f32' },
  ] as const;
  const body = `let row = i / ${inner}u;
let first = row % ${outSize}u * ${taps}u;
let start = row / ${outSize}u * ${inSize}u;
var sum = ${lanes === 4 ? 'vec4f()' : '0f'};
for (var tap = first; tap < first + ${taps}u; tap++) {
sum += weights[tap] * x[(start + u32(indices[tap])) * ${inner}u + i % ${inner}u];
}
y[i] = sum;`;
  return [forEach(facts, outer * outSize * inner, bindings, body)];
};
