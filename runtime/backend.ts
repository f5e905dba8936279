/**
 * The backends, and how one is chosen.
 */
import { UnsupportedError } from '../src/errors.ts';
import { type Machine, referenceMachine, wasmMachine } from './machine.ts';
import { readSource, type Source, tagOf } from './source.ts';

/** What runs a model: WebAssembly, plain JavaScript, or the fastest that the platform allows. */
export type Backend = 'auto' | 'webgpu' | 'wasm' | 'js';

/** A WebAssembly build that the page hosts itself: where its bytes are, or the module they were compiled to. */
export type WasmSource = Source | WebAssembly.Module;

export interface BackendOptions {
  wasm?: WasmSource;
  signal?: AbortSignal | undefined;
}

type HostedBuild = WebAssembly.Module | Uint8Array | undefined;

/** Opens a machine of each backend there is. One for WebGPU is one more entry. */
const BACKENDS: Partial<Record<Backend, (build: HostedBuild) => Promise<Machine>>> = {
  async wasm(build) {
    const isBytes = build instanceof Uint8Array;
    const module = isBytes ? await WebAssembly.compile(build as Uint8Array<ArrayBuffer>) : build;
    return wasmMachine(module ? { module } : {});
  },
  js: async () => referenceMachine(),
};

/** A machine, and why it is not of the fastest backend where `auto` found that this platform does not allow it. */
export interface OpenedMachine {
  readonly machine: Machine;
  readonly fallback?: string;
}

/**
 * Opens a machine of the wanted backend. `auto` does without WebAssembly where a content security policy, or the platform,
 * does. Rejects with `TypeError` for an unknown backend, `UnsupportedError` for one that is not in this
 * version, and what WebAssembly throws where `wasm` is asked for and not allowed.
 */
export async function openMachine(wanted: Backend, { wasm, signal }: BackendOptions = {}): Promise<OpenedMachine> {
  if (wanted === 'webgpu') throw new UnsupportedError('the backend "webgpu" is not in this version: use "auto"');
  const isAuto = wanted === 'auto';
  const open = BACKENDS[isAuto ? 'wasm' : wanted];
  if (!open) throw new TypeError(`there is no backend "${wanted}": use "auto", "wasm" or "js"`);
  // Read before anything is tried: a file that is not where the page says is a mistake, and no reason to go on without.
  const isModule = wanted === 'js' || wasm === undefined || tagOf(wasm) === 'WebAssembly.Module';
  const build = isModule ? (wasm as WebAssembly.Module) : await readSource(wasm as Source, { signal });
  try {
    return { machine: await open(build) };
  } catch (error) {
    if (!isAuto) throw error;
    return { machine: await BACKENDS.js!(undefined), fallback: (error as Error).message };
  }
}

/** The machine, refusing with `RangeError` to take more than `maxBytes`. */
export function limited(machine: Machine, maxBytes: number): Machine {
  return {
    ...machine,
    reserve(bytes) {
      if (bytes > maxBytes) throw new RangeError(`the model needs ${bytes} bytes, maxMemory allows ${maxBytes}`);
      machine.reserve(bytes);
    },
  };
}
