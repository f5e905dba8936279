/**
 * Invocations in quads: four neighbours that need the same numbers share them. On SwiftShader, the software adapter of browsers, a
 * subgroup is a quad: four invocations compute with one SIMD instruction, but each of them loads each word by itself. So each loads
 * one word of four, and they tell each other. Elsewhere a word that many invocations load is one access.
 */
import type { Binding, DeviceFacts, Dispatch } from './dispatch.ts';

/** Invocations of a quad, and numbers of a vector. */
export const LANES = 4;

/** Whether subgroups are quads. */
export const areQuads = ({ subgroupSize }: DeviceFacts): boolean => subgroupSize === LANES;

/** Invocations of a workgroup: on a processor fewer, so that all threads have some. */
export const groupSize = (facts: DeviceFacts): number => (areQuads(facts) ? 16 : 64);

/** Pieces of text by number, behind each other. */
export function repeat(count: number, piece: (at: number) => string, separator = ''): string {
  return Array.from({ length: count }, (_, at) => piece(at)).join(separator);
}

/**
 * A dispatch of `count` invocations or a few more, which may share numbers: `body` knows the invocation's number `i` and that in its quad,
 * `lane`, and sees to it that invocations from `count` on write nothing. Declarations stand before the function.
 */
export function inQuads(
  facts: DeviceFacts,
  count: number,
  bindings: readonly Binding[],
  body: string,
  declarations = '',
): Dispatch {
  const size = groupSize(facts);
  const groups = Math.ceil(count / size);
  const x = Math.min(groups, facts.mostGroups);
  const code = `${declarations}
@compute @workgroup_size(${size}) fn main(@builtin(global_invocation_id) id: vec3u) {
let i = id.x + id.y * ${x * size}u;
let lane = i & 3u;
${body}
}`;
  return { code, bindings, groups: [x, Math.ceil(groups / x), 1] };
}

/** How shaders read four numbers in a row that are the same for the invocations of a quad. */
export interface SharedReader {
  /** The type of the binding. */
  readonly type: 'f32' | 'vec4<f32>';
  /** Declares the variable `name`: the four numbers from `4 * (at)` on. */
  read(name: string, source: string, at: string): string;
}

/** Four numbers as a vector; on SwiftShader, where a load is dear, each invocation of the quad loads one of them. */
export function sharedReader(facts: DeviceFacts): SharedReader {
  if (!areQuads(facts)) {
    return { type: 'vec4<f32>', read: (name, source, at) => `let ${name} = ${source}[${at}];\n` };
  }
  return { type: 'f32', read: (name, source, at) => spread(name, `${source}[(${at}) * 4 + lane]`) };
}

/** Declares the vector `name` of what the four invocations of a quad read. */
function spread(name: string, own: string): string {
  const parts = repeat(4, (at) => `quadBroadcast(${name}q, ${at})`, ', ');
  return `let ${name}q = ${own};\nlet ${name} = vec4f(${parts});\n`;
}

/** Declares the vector `name` of four numbers that are the same for all of a quad, the place of each given by its number. */
export function sharedNumbers(facts: DeviceFacts, name: string, place: (number: string) => string): string {
  if (areQuads(facts)) return spread(name, place('lane'));
  return `let ${name} = vec4f(${repeat(4, (at) => place(`${at}u`), ', ')});\n`;
}
