/**
 * Pieces of WGSL that many shaders have.
 */
import type { DeviceFacts, Dispatch } from './dispatch.ts';

/** Invocations of a workgroup, where nothing asks for another number. */
export const GROUP = 64;

/** Comparisons of a dispatch that holds every element against every other: beyond it the host is faster. */
export const MOST_WORK = 2 ** 28;

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

/**
 * Statements that take an index apart: the variable `rest`, which they declare as `index`, into a coordinate a dimension, row-major. The
 * first of the coordinates is not brought into its dimension.
 */
export function splitIndex(index: string, dims: readonly number[], names: readonly string[]): string {
  let text = `var rest = ${index};\n`;
  for (let axis = dims.length - 1; axis > 0; axis--) {
    text += `let ${names[axis]} = rest % ${dims[axis]}u;\nrest /= ${dims[axis]}u;\n`;
  }
  return dims.length ? `${text}let ${names[0]} = rest;\n` : text;
}

/** Σ coordinate · stride as an expression of u32, in which negative strides wrap around. */
export function dotProduct(coordinates: readonly string[], strides: readonly number[], offset = 0): string {
  const terms = offset ? [`${offset}u`] : [];
  for (const [axis, name] of coordinates.entries()) {
    const stride = strides[axis]!;
    if (stride !== 0) terms.push(stride === 1 ? name : `${name} * ${stride >>> 0}u`);
  }
  return terms.join(' + ') || '0u';
}
