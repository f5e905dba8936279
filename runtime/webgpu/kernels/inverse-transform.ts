/**
 * The inverse DCT of weights along one axis: from the first few frequencies to all places.
 */
import type { Buffer } from '../../plan/buffer.ts';
import type { DeviceFacts, Dispatch } from '../dispatch.ts';
import { forEach } from '../wgsl.ts';

/** An axis of `count` frequencies that becomes one of `size` places, with `outer` · `inner` numbers around it. */
export interface TransformedAxis {
  readonly outer: number;
  readonly count: number;
  readonly size: number;
  readonly inner: number;
}

/**
 * y[o, n, i] = Σₖ c(k, n) · x[o, k, i], c being the orthonormal DCT-II: `table` has cos(πm/2·size) for m < 4·size, so that phases are
 * exact.
 */
export function inverseTransform(
  facts: DeviceFacts,
  x: Buffer,
  table: Buffer,
  y: Buffer,
  { outer, count, size, inner }: TransformedAxis,
): readonly Dispatch[] {
  const bindings = [
    { name: 'x', buffer: x, type: 'f32' },
    { name: 'turn', buffer: table, type: 'f32' },
    { name: 'y', buffer: y, type: 'f32', written: true },
  ] as const;
  const body = `let n = i / ${inner}u % ${size}u;
let source = i / ${inner * size}u * ${inner * count}u + i % ${inner}u;
var sum = x[source] * ${Math.sqrt(0.5)};
var phase = 0u;
for (var k = 1u; k < ${count}u; k++) {
phase += 2 * n + 1;
phase -= select(0u, ${4 * size}u, phase >= ${4 * size}u);
sum += x[source + k * ${inner}u] * turn[phase];
}
y[i] = sum * ${Math.sqrt(2 / size)};`;
  return [forEach(facts, outer * size * inner, bindings, body)];
}
