/**
 * The backends, and how one is chosen.
 */
import { UnsupportedError } from '../src/errors.ts';
import { type Machine, type WasmMachineOptions, wasmMachine } from './machine.ts';
import { readSource, type Source, tagOf } from './source.ts';

/** What runs a model: WebAssembly, plain JavaScript, or the fastest that the platform allows. */
export type Backend = 'auto' | 'webgpu' | 'wasm' | 'js';

/** A WebAssembly build that the page hosts itself: where its bytes are, or the module they were compiled to. */
export type WasmSource = Source | WebAssembly.Module;

export interface BackendOptions {
  wasm?: WasmSource;
  signal?: AbortSignal | undefined;
}

/** A WebAssembly build as it was given, or nothing for the embedded one. */
export type HostedBuild = WebAssembly.Module | Uint8Array | undefined;

/** Opens a machine of each backend that a build of the runtime has. One for WebGPU is one more entry. */
export interface Machines {
  readonly wasm: (build: HostedBuild) => Promise<Machine>;
  readonly js?: () => Promise<Machine>;
}

/** Opens machines of WebAssembly, with kernels of further operators where they are given. */
export function wasmMachines(further?: WasmMachineOptions['further']): Machines['wasm'] {
  return async (build) => {
    const isBytes = build instanceof Uint8Array;
    const module = isBytes ? await WebAssembly.compile(build as Uint8Array<ArrayBuffer>) : build;
    return wasmMachine({ ...(module && { module }), ...(further && { further }) });
  };
}

/** A machine, and why it is not of the fastest backend where `auto` found that this platform does not allow it. */
export interface OpenedMachine {
  readonly machine: Machine;
  readonly fallback?: string;
}

/**
 * Opens a machine of the wanted backend. `auto` does without WebAssembly where a content security policy, or the
 * platform, does. Rejects with `TypeError` for an unknown backend, `UnsupportedError` for one that is not in this
 * version, and what WebAssembly throws where `wasm` is asked for and not allowed.
 */
export async function openMachine(
  machines: Machines,
  wanted: Backend,
  { wasm, signal }: BackendOptions = {},
): Promise<OpenedMachine> {
  if (wanted === 'webgpu') throw new UnsupportedError('the backend "webgpu" is not in this version: use "auto"');
  const { js } = machines;
  if (wanted === 'js') {
    if (!js) throw new UnsupportedError('the backend "js" is in fqz/runtime/full');
    return { machine: await js() };
  }
  if (wanted !== 'auto' && wanted !== 'wasm') {
    throw new TypeError(`there is no backend "${wanted}": use "auto", "wasm" or "js"`);
  }
  // Read before anything is tried: a file that is not where the page says is a mistake, and no reason to go on without.
  const isModule = wasm === undefined || tagOf(wasm) === 'WebAssembly.Module';
  const build = isModule ? (wasm as WebAssembly.Module) : await readSource(wasm as Source, { signal });
  try {
    return { machine: await machines.wasm(build) };
  } catch (error) {
    if (wanted === 'wasm' || !js) throw error;
    return { machine: await js(), fallback: (error as Error).message };
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
