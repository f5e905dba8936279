/** The k largest or smallest elements along the middle axis. */
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { forEach, MOST_WORK } from '../wgsl.ts';

/**
 * Each element counts those that come before it, which is its place. Floats are compared as integers of the same order, NaN beyond infinity, so that no
 * two have one place.
 */
export const topK: Lowering<'topK'> = (facts, integers, largest, k, x, values, indices, ...sizes) => {
  const [outer, count, inner] = sizes.map(numberOf) as [number, number, number];
  const elements = outer * count * inner;
  if (elements === 0 || k === 0) return [];
  if (elements * count > MOST_WORK) return undefined;
  const sign = largest === 0 ? '<' : '>';
  const body = `let column = i % ${inner}u;
let j = i / ${inner}u % ${count}u;
let start = i - j * ${inner}u;
let own = key(x[i]);
var place = 0u;
for (var other = 0u; other < ${count}u; other++) {
let it = key(x[start + other * ${inner}u]);
place += u32(it ${sign} own || (it == own && other < j));
}
if (place < ${numberOf(k)}u) {
let to = (i / ${count * inner}u * ${numberOf(k)}u + place) * ${inner}u + column;
values[to] = x[i];
indices[to] = i32(j);
}`;
  const key =
    integers === 0
      ? 'fn key(x: f32) -> i32 { let b = bitcast<i32>(select(x, 0, x == 0)); return b ^ ((b >> 31u) & 0x7fffffff); }'
      : 'fn key(x: i32) -> i32 { return x; }';
  const type = integers === 0 ? 'f32' : 'i32';
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type },
    { name: 'values', buffer: bufferOf(values)!, type, written: true },
    { name: 'indices', buffer: bufferOf(indices)!, type: 'i32', written: true },
  ] as const;
  return [forEach(facts, elements, bindings, body, key)];
};
