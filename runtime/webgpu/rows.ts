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
/** Rows that keep a GPU busy without being shared, where their neighbours lie behind each other. */
const MANY_ROWS = 8192;
/** Subgroups that share a long row. */
const SUBGROUPS = 8;
/** Steps of a long row for each invocation of a subgroup. */
const LONG = 64;
const MOST_INVOCATIONS = 256;
/** Invocations that usually run in step, where that is not known. */
const USUAL_SUBGROUP = 32;

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
  { mostGroups, subgroupSize }: DeviceFacts,
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

  // A row that lies in one piece is shared by neighbours, of a subgroup if possible; of rows that alternate neighbours have one each.
  const inStep = subgroupSize || USUAL_SUBGROUP;
  const isPiece = pitch === 1;
  const most = Math.min(MOST_INVOCATIONS, SUBGROUPS * inStep);
  const isShared = steps >= LEAST_SHARED && (isPiece || rows < MANY_ROWS);
  let sharers = 1;
  let width = GROUP;
  if (isShared && isPiece) {
    const isLong = steps > LONG * inStep && rows < MANY_ROWS;
    sharers = isLong ? most : inStep;
    width = isLong ? 1 : Math.max(1, GROUP / inStep);
  } else if (isShared) {
    width = Math.min(inStep, powerWithin(pitch));
    sharers = most / width;
  }
  const inSubgroup = isPiece && subgroupSize ? Math.min(sharers, subgroupSize) : 1;
  const inMemory = sharers / inSubgroup;
  const groups = Math.ceil(rows / width);
  const x = Math.min(groups, mostGroups);
  const share = isPiece ? `k % ${sharers}u` : `k / ${width}u`;
  const rowOfGroup = isPiece ? `k / ${sharers}u` : `k % ${width}u`;

  return {
    along: isAlong ? 4 : 1,
    elements: (type) => (lanes === 4 ? `vec4<${type}>` : type),
    results: (type) => (isAcross ? `vec4<${type}>` : type),
    each: (body) => `for (var j = select(${steps}u, share, isRow); j < ${steps}u; j += ${sharers}u) {
let at = base + j * ${pitch}u;
${body}
}
`,
    fold(variable, type, join) {
      const joined = (other: string) => `${variable} = ${join(variable, other)};\n`;
      let text = isAlong ? joined(`${variable}.zwxy`) + joined(`${variable}.yxwz`) : '';
      for (let step = 1; step < inSubgroup; step *= 2) {
        text += `let ${variable}${step} = subgroupShuffleXor(${variable}, ${step}u);\n${joined(`${variable}${step}`)}`;
      }
      if (inMemory === 1) return text;
      // One barrier and a loop over all parts: a tree has a barrier for every halving.
      const part = `part${type}`;
      return `${text}${inSubgroup > 1 ? `if (share % ${inSubgroup}u == 0u) ` : ''}{ ${part}[own + share / ${inSubgroup}u] = ${variable}; }
workgroupBarrier();
${variable} = ${part}[own];
for (var other = own + 1u; other < own + ${inMemory}u; other++) { ${joined(`${part}[other]`)} }
workgroupBarrier();
`;
    },
    store: (array, value) => `if (isRow && share == 0u) { ${array}[row] = ${value}${isAlong ? '.x' : ''}; }\n`,
    dispatch(bindings, body) {
      const types = (['F', 'I', 'U'] as const).filter((type) => body.includes(`part${type}[`));
      const shared = types.map((type) => `var<workgroup> part${type}: array<${type}, ${width * inMemory}>;\n`);
      const code = `${functionsFor(body, lanes)}${shared.join('')}
@compute @workgroup_size(${width * sharers}) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) k: u32) {
let share = ${share};
let row = (group.x + group.y * ${x}u) * ${width}u + ${rowOfGroup};
let isRow = row < ${rows}u;
let base = row / ${pitch}u * ${steps * pitch}u + row % ${pitch}u;
let own = ${rowOfGroup} * ${inMemory}u;
${body}}`;
      return { code, bindings, groups: [x, Math.ceil(groups / x), 1] };
    },
  };
}
