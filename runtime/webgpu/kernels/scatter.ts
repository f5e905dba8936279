/** Elements put at places that are computed. */
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { functionsFor } from '../functions.ts';
import { forEach, MOST_WORK } from '../wgsl.ts';

/** What becomes of an element and its update, in the order of `SCATTER_REDUCTIONS`. */
const JOIN = ['update', 'value + update', 'value * update', 'greatest(value, update)', 'least(value, update)'];
const JOIN_INTEGERS = [...JOIN.slice(0, 3), 'max(value, update)', 'min(value, update)'];

/** Each element looks for its updates, one after another: of several for one place, the order is that of the updates. */
export const scatter: Lowering<'scatter'> = (facts, reduction, integers, places, updates, y, ...sizes) => {
  const [count, inner, size] = sizes.map(numberOf) as [number, number, number];
  const elements = size * inner;
  if (elements * count === 0) return [];
  if (elements * count > MOST_WORK) return undefined;
  const type = integers === 0 ? 'f32' : 'i32';
  const bindings = [
    { name: 'places', buffer: bufferOf(places)!, type: 'i32' },
    { name: 'updates', buffer: bufferOf(updates)!, type },
    { name: 'y', buffer: bufferOf(y)!, type, written: true },
  ] as const;
  const body = `var value = y[i];
for (var at = 0u; at < ${count}u; at++) {
if (places[at] == i32(i / ${inner}u)) {
let update = updates[at * ${inner}u + i % ${inner}u];
value = ${(integers === 0 ? JOIN : JOIN_INTEGERS)[numberOf(reduction)]};
}
}
y[i] = value;`;
  return [forEach(facts, elements, bindings, body, functionsFor(body, 1))];
};
