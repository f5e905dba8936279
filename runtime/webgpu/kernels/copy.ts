/** Strided copies, and one word many times. */
import { bufferOf, type Lowering, numberOf, tableOf } from '../dispatch.ts';
import { dotProduct, forEach, splitIndex } from '../wgsl.ts';

export const copy: Lowering<'copy'> = (facts, table, x, y) => {
  const [rank = 0, sourceOffset = 0, targetOffset = 0, ...words] = tableOf(table);
  const axes = Array.from({ length: rank }, (_, axis) => ({
    dim: words[axis]!,
    from: words[rank + axis]!,
    to: words[2 * rank + axis]!,
  }));
  // Neighbours in the target are neighbours among the invocations.
  axes.sort((a, b) => Math.abs(b.to) - Math.abs(a.to));
  const count = axes.reduce((all, { dim }) => all * dim, 1);
  if (count === 0) return [];
  const last = axes.at(-1);
  const isWhole = (strides: readonly number[]) => strides.every((stride) => stride % 4 === 0);
  const inner = axes.slice(0, -1);
  const lanes = last?.to === 1 && last.dim % 4 === 0 && isWhole([targetOffset, ...inner.map(({ to }) => to)]) ? 4 : 1;
  const isVector = lanes === 4 && last!.from === 1 && isWhole([sourceOffset, ...inner.map(({ from }) => from)]);

  const coordinates = axes.map((_, axis) => `i${axis}`);
  const step = last?.from ?? 0;
  const elements = Array.from({ length: lanes }, (_, lane) => `x[source + ${(lane * step) >>> 0}u]`);
  const dims = axes.map(({ dim }) => dim);
  const body = `${splitIndex(lanes === 4 ? '4u * i' : 'i', dims, coordinates)}let source = ${dotProduct(
    coordinates,
    axes.map(({ from }) => from),
    sourceOffset,
  )};
let to = ${dotProduct(
    coordinates,
    axes.map(({ to }) => to),
    targetOffset,
  )};
`;
  const store = isVector
    ? 'y[to / 4u] = x[source / 4u];'
    : lanes === 4
      ? `y[to / 4u] = vec4i(${elements});`
      : `y[to] = ${elements[0]};`;
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type: isVector ? 'vec4<i32>' : 'i32' },
    { name: 'y', buffer: bufferOf(y)!, type: lanes === 4 ? 'vec4<i32>' : 'i32', written: true },
  ] as const;
  return [forEach(facts, count / lanes, bindings, body + store)];
};

export const fill: Lowering<'fill'> = (facts, y, count, bits) => {
  const size = numberOf(count);
  if (size === 0) return [];
  const bindings = [{ name: 'y', buffer: bufferOf(y)!, type: 'i32', written: true }] as const;
  return [forEach(facts, size, bindings, `y[i] = i32(${numberOf(bits)});`)];
};
