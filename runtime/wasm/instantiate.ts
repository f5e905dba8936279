/**
 * The WebAssembly backend's kernels over a given memory: picks the build that the engine can run, compiles it once per
 * program, and instantiates it for each memory.
 */
import type { BulkDecoder } from '../../formats/fqz/read.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { bulkDecoder, type DecoderExports } from './bulk-decoder.ts';
import { embeddedKernels } from './embedded.ts';
import { hostImports } from './host.ts';

/** Kernels that run in WebAssembly, over one memory. */
export interface WasmKernels {
  readonly kernels: Kernels;
  /** First byte of the memory, a multiple of 16, that the kernels' own constants leave free. */
  readonly heapBase: number;
  /** Which of the two builds it is: relaxed SIMD rounds a product and its sum at once where the processor can. */
  readonly variant: 'simd' | 'relaxed-simd';
  /** Makes a decoder of a file's numbers, in a memory of its own. */
  readonly decoder: () => BulkDecoder;
}

export interface WasmOptions {
  /** A build that the page compiled itself, instead of the embedded ones. */
  readonly module?: WebAssembly.Module;
  /** Whether to use the relaxed build; by default where the engine knows its instructions. */
  readonly relaxed?: boolean;
}

// One function: f32x4.relaxed_madd of three splats.
const RELAXED_PROBE =
  '\0asm\x01\0\0\0\x01\x05\x01`\0\x01{\x03\x02\x01\0\n\x13\x01\x11\0A\0ý\x0fA\0ý\x0fA\0ý\x0fý\x85\x02\x0b';

/** Whether the engine can run the relaxed build. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(Uint8Array.from(RELAXED_PROBE, (character) => character.charCodeAt(0)));
}

const compiled = new Map<boolean, Promise<WebAssembly.Module>>();

/**
 * Instantiates the kernels over `memory`, which needs one page at least and may be grown later. Several instances
 * may share a memory. Rejects with `WebAssembly.CompileError` where the engine has no SIMD or the page's content security
 * policy forbids WebAssembly.
 */
export async function wasmKernels(memory: WebAssembly.Memory, options: WasmOptions = {}): Promise<WasmKernels> {
  const given = options.module;
  // The section that scripts/write-wasm.mjs adds.
  const relaxed = given
    ? WebAssembly.Module.customSections(given, 'relaxed').length > 0
    : (options.relaxed ?? hasRelaxedSimd());
  const module = given ?? (await embedded(relaxed));
  const { exports } = new WebAssembly.Instance(module, importsOf(memory));
  const { heapBase, ...kernels } = exports;
  const base = ((heapBase as WebAssembly.Global).value + 15) & -16;
  return {
    kernels: kernels as unknown as Kernels,
    heapBase: base,
    variant: relaxed ? 'relaxed-simd' : 'simd',
    decoder() {
      const own = new WebAssembly.Memory({ initial: 1 });
      const instance = new WebAssembly.Instance(module, importsOf(own));
      return bulkDecoder(instance.exports as unknown as DecoderExports, own, base);
    },
  };
}

function importsOf(memory: WebAssembly.Memory): WebAssembly.Imports {
  return { env: { memory }, math: Math as unknown as WebAssembly.ModuleImports, host: hostImports(memory) };
}

function embedded(relaxed: boolean): Promise<WebAssembly.Module> {
  let module = compiled.get(relaxed);
  if (!module) {
    module = WebAssembly.compile(embeddedKernels(relaxed));
    compiled.set(relaxed, module);
  }
  return module;
}
