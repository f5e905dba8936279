/** Running sums along the middle axis. */
import { bufferOf, type Lowering, numberOf } from '../dispatch.ts';
import { GROUP } from '../wgsl.ts';

/** The invocations of a workgroup have a piece of a row each: they sum it up, then run through it again from the sum of all before. */
export const cumulativeSum: Lowering<'cumulativeSum'> = ({ mostGroups }, integers, x, y, ...sizes) => {
  const [outer, count, inner, exclusive, reverse] = sizes.map(numberOf) as [number, number, number, number, number];
  const rows = outer * inner;
  if (rows * count === 0) return [];
  const type = integers ? 'i32' : 'f32';
  const bindings = [
    { name: 'x', buffer: bufferOf(x)!, type },
    { name: 'y', buffer: bufferOf(y)!, type, written: true },
  ] as const;
  const groups = Math.min(rows, mostGroups);
  const each = (body: string) => `for (var j = first; j < last; j++) {
let at = base + ${reverse ? `(${count - 1}u - j)` : 'j'} * ${inner}u;
${body}
}
`;
  const piece = Math.ceil(count / GROUP);
  const code = `var<workgroup> parts: array<${type}, ${GROUP}>;
@compute @workgroup_size(${GROUP}) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) k: u32) {
let row = group.x + group.y * ${groups}u;
let base = row / ${inner}u * ${count * inner}u + row % ${inner}u;
let first = k * ${piece}u;
let last = select(0u, min(first + ${piece}u, ${count}u), row < ${rows}u);
var sum = ${type}(0);
${each('sum += x[at];')}parts[k] = sum;
workgroupBarrier();
sum = 0;
for (var other = 0u; other < k; other++) { sum += parts[other]; }
${each(exclusive ? 'y[at] = sum;\nsum += x[at];' : 'sum += x[at];\ny[at] = sum;')}}`;
  return [{ code, bindings, groups: [groups, Math.ceil(rows / groups), 1] }];
};
