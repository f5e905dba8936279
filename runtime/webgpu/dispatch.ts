/**
 * What a step of a plan is on the GPU: shaders that are dispatched one after another, each written for this very step. Sizes and
 * strides are numbers in its text, so that the compiler knows them; steps with the same text share a pipeline.
 */
import type { AllKernels } from '../kernels/all-kernels.ts';
import type { Argument, Buffer } from '../plan/buffer.ts';
import type { Instructions } from './instructions.ts';

/** A shader, what it works on, and how often. */
export interface Dispatch {
  /** WGSL with an entry point `main`; the variables of the bindings are declared by `shaderText`. */
  readonly code: string;
  readonly bindings: readonly Binding[];
  /** Workgroups along x, y and z: each at least 1 and at most `DeviceFacts.mostGroups`. */
  readonly groups: readonly [x: number, y: number, z: number];
}

/** A storage buffer that a shader knows by name, as an array. */
export interface Binding {
  readonly name: string;
  readonly buffer: Buffer;
  /** An element of the array, as the shader sees it. Every buffer's size is rounded up to 16 bytes. */
  readonly type: 'f32' | 'i32' | 'u32' | 'vec4<f32>' | 'vec4<i32>';
  /** Whether the shader writes to it, and may read it too. Such a buffer is bound once only. */
  readonly written?: true;
}

/** What shaders are written for. */
export interface DeviceFacts {
  /** Workgroups along an axis of a dispatch. */
  readonly mostGroups: number;
  /** Bytes that the invocations of a workgroup may share. */
  readonly sharedBytes: number;
  /** Invocations of a subgroup, where their number is known and shaders may use subgroup operations; else 0. */
  readonly subgroupSize: number;
  /** Instructions that element-wise programs may have: those of every build, where none are given. */
  readonly instructions?: Instructions;
}

/** The arguments of a kernel as a step has them: each is a number, or a buffer where the kernel takes a pointer. */
type Positions<T extends readonly unknown[]> = { [Position in keyof T]: Argument };

/** Makes the dispatches of a step, or nothing where the host is to run it. */
export type Lowering<K extends keyof AllKernels> = (
  facts: DeviceFacts,
  ...args: Positions<Parameters<AllKernels[K]>>
) => readonly Dispatch[] | undefined;

/** The kernels that there are as shaders. */
export type ShaderTable = { readonly [K in keyof AllKernels]?: Lowering<K> };

/** The words of a table: of an argument that the plan knows the contents of. */
export function tableOf(argument: Argument): Int32Array {
  if (typeof argument === 'number' || argument.kind !== 'table') throw new TypeError('the argument is no table');
  return argument.contents;
}

/** The buffer of an argument; `undefined` for 0, which stands for none. */
export function bufferOf(argument: Argument): Buffer | undefined {
  return typeof argument === 'number' ? undefined : argument;
}

/** An argument that is a number. */
export function numberOf(argument: Argument): number {
  if (typeof argument !== 'number') throw new TypeError('the argument is no number');
  return argument;
}

/** Subgroup operations are announced at the top of a shader. */
const SUBGROUPS = /\b(subgroup|quad)[A-Z]\w*\(/;

/**
 * The whole text of a shader. Arrays have the sizes of their buffers, so that an index is held against a number and not against what the
 * binding says at run time: on the software adapter a load takes two thirds of the time.
 */
export function shaderText({ code, bindings }: Dispatch): string {
  const declarations = bindings.map(({ name, buffer: { words }, type, written }, at) => {
    const elements = Math.ceil(words / 4) * (type.startsWith('vec4') ? 1 : 4);
    const array = words > 0 ? `array<${type}, ${elements}>` : `array<${type}>`;
    return `@group(0) @binding(${at}) var<storage, ${written ? 'read_write' : 'read'}> ${name}: ${array};\n`;
  });
  return (SUBGROUPS.test(code) ? 'enable subgroups;\n' : '') + declarations.join('') + code;
}
