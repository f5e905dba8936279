/**
 * Pieces of WGSL that many shaders have.
 */
import type { DeviceFacts, Dispatch } from './dispatch.ts';

/** Invocations of a workgroup, where nothing asks for another number. */
export const GROUP = 64;

/**
 * A dispatch with an invocation for each of `count` elements: `body` computes element `i` (a u32), and is not run beyond the last. Declarations
 * stand before the function.
 */
export function forEach(
  { mostGroups }: DeviceFacts,
  count: number,
  bindings: Dispatch['bindings'],
  body: string,
  declarations = '',
): Dispatch {
  const groups = Math.ceil(count / GROUP);
  const x = Math.min(groups, mostGroups);
  const code = `${declarations}
@compute @workgroup_size(${GROUP}) fn main(@builtin(global_invocation_id) id: vec3u) {
let i = id.x + id.y * ${x * GROUP}u;
if (i >= ${count}u) { return; }
${body}
}`;
  return { code, bindings, groups: [x, Math.ceil(groups / x), 1] };
}
