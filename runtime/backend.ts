/**
 * The backends, and how the machine of a session is chosen: what runs the model, or plans for the GPU.
 */
import { UnsupportedError } from '../src/errors.ts';
import { type Machine, type WasmMachineOptions, wasmMachine } from './machine.ts';
import { readSource, type Source, tagOf } from './source.ts';

/** What runs a model: the GPU, WebAssembly, plain JavaScript, or what is best here. */
export type Backend = 'auto' | 'webgpu' | 'wasm' | 'js';

/** A WebAssembly build that the page hosts itself: where its bytes are, or the module they were compiled to. */
export type WasmSource = Source | WebAssembly.Module;

export interface BackendOptions {
  wasm?: WasmSource;
  signal?: AbortSignal | undefined;
}

/** A WebAssembly build as it was given, or nothing for the embedded one. */
export type HostedBuild = WebAssembly.Module | Uint8Array | undefined;

/** Opens a machine of each kind that a build of the runtime has. */
export interface Machines {
  readonly wasm?: (build: HostedBuild) => Promise<Machine>;
  readonly js?: () => Promise<Machine>;
}

/** Opens machines of WebAssembly, with kernels of further operators where they are given. */
export function wasmMachines(further?: WasmMachineOptions['further']): NonNullable<Machines['wasm']> {
  return async (build) => {
    const isBytes = build instanceof Uint8Array;
    const module = isBytes ? await WebAssembly.compile(build as Uint8Array<ArrayBuffer>) : build;
    return wasmMachine({ ...(module && { module }), ...(further && { further }) });
  };
}

/** A machine, and why it is not of the fastest kind where this platform does not allow that. */
export interface OpenedMachine {
  readonly machine: Machine;
  readonly fallback?: string;
}

/**
 * Opens a machine for the wanted backend. `auto` and `webgpu` do without WebAssembly where a content security policy, or the
 * platform, does. Rejects with `TypeError` for an unknown backend, `UnsupportedError` for one that is not in this
 * build, and what WebAssembly throws where `wasm` is asked for and not allowed.
 */
export async function openMachine(
  { wasm: openWasm, js }: Machines,
  wanted: Backend,
  { wasm, signal }: BackendOptions = {},
): Promise<OpenedMachine> {
  if (!['auto', 'webgpu', 'wasm', 'js'].includes(wanted)) {
    throw new TypeError(`there is no backend "${wanted}": use "auto", "webgpu", "wasm" or "js"`);
  }
  if (wanted === 'js' || (!openWasm && wanted !== 'wasm')) {
    if (!js) throw new UnsupportedError('the backend "js" is in fqz/runtime/full');
    return { machine: await js() };
  }
  if (!openWasm) throw new UnsupportedError('the backend "wasm" is in fqz/runtime');
  // Read before anything is tried: a file that is not where the page says is a mistake, and no reason to go on without.
  const isModule = wasm === undefined || tagOf(wasm) === 'WebAssembly.Module';
  const build = isModule ? (wasm as WebAssembly.Module) : await readSource(wasm as Source, { signal });
  try {
    return { machine: await openWasm(build) };
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
