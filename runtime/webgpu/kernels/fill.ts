/** One word, many times. */
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { forEach } from '../wgsl.ts';

export const fill: Lowering<'fill'> = (facts, y, count, bits) => {
  const size = numberOf(count);
  if (size === 0) return [];
  const bindings = [{ name: 'y', buffer: bufferOf(y)!, type: 'i32', written: true }] as const;
  return [forEach(facts, size, bindings, `y[i] = i32(${numberOf(bits)});`)];
};
