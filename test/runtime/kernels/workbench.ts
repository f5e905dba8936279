/**
 * A memory with kernels over it, and what a test needs to lay operands into it and take results out. Every buffer ends in
 * words that nothing may write to.
 */
import { referenceKernels } from '../../../runtime/js/kernels.ts';
import type { Kernels } from '../../../runtime/kernels/kernels.ts';
import { wasmKernels } from '../../../runtime/wasm/instantiate.ts';

const GUARD = 0x5ca1ab1e;
const GUARD_WORDS = 4;

/** One backend's kernels and its memory. */
export class Workbench {
  readonly kernels: Kernels;
  readonly floats: Float32Array;
  readonly words: Int32Array;
  readonly #start: number;
  #end: number;
  #guards: number[] = [];

  constructor(kernels: Kernels, buffer: ArrayBuffer, start: number) {
    this.kernels = kernels;
    this.floats = new Float32Array(buffer);
    this.words = new Int32Array(buffer);
    this.#start = start;
    this.#end = start;
  }

  /** Forgets all buffers. */
  clear(): void {
    this.#end = this.#start;
    this.#guards = [];
  }

  /** A buffer of float32 with these numbers: where it begins. */
  ofFloats(values: ArrayLike<number>): number {
    const at = this.room(values.length);
    this.floats.set(values, at / 4);
    return at;
  }

  /** A buffer of int32 with these numbers: where it begins. */
  ofIntegers(values: ArrayLike<number>): number {
    const at = this.room(values.length);
    this.words.set(values, at / 4);
    return at;
  }

  /** A buffer of `count` words: where it begins. */
  room(count: number): number {
    const at = this.#end;
    this.words.fill(GUARD, at / 4 + count, at / 4 + count + GUARD_WORDS);
    this.words.fill(0, at / 4, at / 4 + count);
    this.#guards.push(at / 4 + count);
    this.#end = (at + 4 * (count + GUARD_WORDS) + 15) & -16;
    return at;
  }

  /** Where something was written behind the end of a buffer; undefined where nothing was. */
  overrun(): number | undefined {
    return this.#guards.find((at) => this.words.subarray(at, at + GUARD_WORDS).some((word) => word !== GUARD));
  }
}

const MEMORY_PAGES = 512;

/** A workbench of the reference kernels. */
export function referenceBench(): Workbench {
  const buffer = new ArrayBuffer(MEMORY_PAGES << 16);
  const memory = { floats: new Float32Array(buffer), words: new Int32Array(buffer) };
  return new Workbench(referenceKernels(memory), buffer, 16);
}

/** A workbench of the WebAssembly kernels; `relaxed` as in `WasmOptions`. */
export async function wasmBench(relaxed?: boolean): Promise<Workbench> {
  const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES });
  const { kernels, heapBase } = await wasmKernels(memory, { relaxed });
  return new Workbench(kernels, memory.buffer, heapBase);
}

/** Something to run on any workbench. */
export interface KernelCase {
  readonly name: string;
  /** Lays out the operands, runs the kernel and returns what it made. */
  readonly run: (bench: Workbench) => readonly (Float32Array | Int32Array)[];
  /** How far float results may differ, relative to the larger of 1 and the expected number; 0 asks for the same number. */
  readonly tolerance: number;
}

/** A sentence on the first difference of two results, or undefined where they agree. */
export function difference(
  actual: Float32Array | Int32Array,
  expected: Float32Array | Int32Array,
  tolerance: number,
): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} elements instead of ${expected.length}`;
  for (const [i, b] of expected.entries()) {
    const a = actual[i]!;
    const allowed = expected instanceof Int32Array ? 0 : tolerance * Math.max(1, Math.abs(b));
    if (a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= allowed) continue;
    return `element ${i} is ${a} instead of ${b}`;
  }
  return undefined;
}

/** Runs cases on both benches: a sentence for each difference, and for each write behind the end of a buffer. */
export function failuresOf(cases: readonly KernelCase[], fast: Workbench, reference: Workbench): string[] {
  return cases.flatMap(({ name, run, tolerance }) => {
    for (const bench of [fast, reference]) bench.clear();
    const actual = run(fast);
    const expected = run(reference);
    const problems = expected.map((array, i) => difference(actual[i]!, array, tolerance));
    if (fast.overrun() !== undefined) problems.push('something was written behind a buffer');
    return problems.filter((problem) => problem !== undefined).map((problem) => `${name}: ${problem}`);
  });
}
