/**
 * Shaders that fold rows: reductions, softmax, norms. A row is one line along the middle axis of an array (outer, count, inner). Either an invocation
 * has a row of its own, or those of a workgroup share it, and fold what each has found in shared memory.
 *
 * Four elements are taken at once where they lie behind each other: four rows (inner being a multiple of four), or four elements of a row (inner being 1).
 */
import type { DeviceFacts, Dispatch } from './dispatch.ts';
import { functionsFor } from './functions.ts';
import { GROUP } from './wgsl.ts';

/** Steps along a row from which on invocations share it. */
const LEAST_SHARED = 32;
/** Rows that keep a GPU busy without being shared, if their neighbours lie behind each other. */
const MANY_ROWS = 8192;
const MOST_INVOCATIONS = 256;

type Scalar = 'f32' | 'i32';

/** The pieces of a shader over rows, for the types F and I of `functionsFor`. */
export interface Rows {
  /** What an array of elements is bound as. */
  elements<T extends Scalar>(type: T): T | `vec4<${T}>`;
  /** What an array with an element a row is bound as. */
  results<T extends Scalar>(type: T): T | `vec4<${T}>`;
  /** Runs `body` for this invocation's part of its row: element `at` of the array, which is number `j` of its row. */
  each(body: string): string;
  /** Folds a variable of the type `type` over the row: all invocations have the result. */
  fold(variable: string, type: 'F' | 'I' | 'U', join: (a: string, b: string) => string): string;
  /** Stores an expression of the type F or I as the row's own element of an array. */
  store(array: string, value: string): string;
  /** Elements that `at` and `j` count as one, where they are of the same row. */
  readonly along: 1 | 4;
  /** The dispatch, `body` being made of the above. The variable `row` is the row's number, `base` where it begins. */
  dispatch(bindings: Dispatch['bindings'], body: string): Dispatch;
}

/** Largest power of two up to `number`, which is at least 1. */
const powerWithin = (number: number) => 2 ** Math.floor(Math.log2(number));

/** The rows of an array (outer, count, inner), which has any; without vectors where `isScalar`. */
export function rowsOf(
  { mostGroups }: DeviceFacts,
  outer: number,
  count: number,
  inner: number,
  isScalar = false,
): Rows {
  const isAlong = !isScalar && inner === 1 && count % 4 === 0;
  const isAcross = !isScalar && inner % 4 === 0;
  const lanes = isAlong || isAcross ? 4 : 1;
  const steps = isAlong ? count / 4 : count;
  const pitch = isAcross ? inner / 4 : inner;
  const rows = outer * pitch;
  const isShared = steps >= LEAST_SHARED && (pitch === 1 || rows < MANY_ROWS);
  const height = isShared ? Math.min(MOST_INVOCATIONS, powerWithin(steps / 2)) : 1;
  const width = isShared ? Math.min(16, MOST_INVOCATIONS / height, powerWithin(pitch)) : GROUP;
  const groups = Math.ceil(rows / width);
  const x = Math.min(groups, mostGroups);

  return {
    along: isAlong ? 4 : 1,
    elements: (type) => (lanes === 4 ? `vec4<${type}>` : type),
    results: (type) => (isAcross ? `vec4<${type}>` : type),
    each: (body) => `for (var j = select(${steps}u, local.y, isRow); j < ${steps}u; j += ${height}u) {
let at = base + j * ${pitch}u;
${body}
}
`,
    fold(variable, type, join) {
      const swizzled = (order: string) => `${variable} = ${join(variable, `${variable}.${order}`)};\n`;
      const own = isAlong ? swizzled('zwxy') + swizzled('yxwz') : '';
      if (height === 1) return own;
      return `part${type}[k] = ${variable};
for (var half = ${height / 2}u; half > 0u; half /= 2u) {
workgroupBarrier();
if (local.y < half) { part${type}[k] = ${join(`part${type}[k]`, `part${type}[k + half * ${width}u]`)}; }
}
workgroupBarrier();
${variable} = part${type}[local.x];
workgroupBarrier();
${own}`;
    },
    store: (array, value) => `if (isRow && local.y == 0u) { ${array}[row] = ${value}${isAlong ? '.x' : ''}; }\n`,
    dispatch(bindings, body) {
      const types = (['F', 'I', 'U'] as const).filter((type) => body.includes(`part${type}[`));
      const shared = types.map((type) => `var<workgroup> part${type}: array<${type}, ${width * height}>;\n`);
      const code = `${functionsFor(body, lanes)}${shared.join('')}
@compute @workgroup_size(${width}, ${height}) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
let row = (group.x + group.y * ${x}u) * ${width}u + local.x;
let isRow = row < ${rows}u;
let base = row / ${pitch}u * ${steps * pitch}u + row % ${pitch}u;
let k = local.y * ${width}u + local.x;
${body}}`;
      return { code, bindings, groups: [x, Math.ceil(groups / x), 1] };
    },
  };
}
