/**
 * `fqz/runtime`: what a page, a worker or a server needs to run a `.fqz` file on WebAssembly. No dependency, and nothing of
 * Node. `fqz/runtime/auto` also has WebGPU, and `fqz/runtime/full` everything.
 */
import { wasmMachines } from './backend.ts';
import { openLinearEngine } from './linear-engine.ts';
import { type Load, loaderOf } from './load.ts';
import { OPERATORS } from './operators/index.ts';

export * from './exports.ts';

/** Opens a `.fqz` file with the operators of networks for pictures, on WebAssembly. See `Load`. */
export const load: Load = loaderOf({
  operators: OPERATORS,
  machines: { wasm: wasmMachines() },
  openEngine: openLinearEngine,
});
