/**
 * `fqz/runtime/auto`: WebAssembly, and WebGPU where there is a GPU and the model is large enough to gain.
 */
import { wasmMachines } from './backend.ts';
import { type Load, loaderOf } from './load.ts';
import { OPERATORS } from './operators/index.ts';
import { engineChooser } from './webgpu/choose-engine.ts';
import { foreseeing } from './webgpu/foresee.ts';
import { SHADERS } from './webgpu/shaders.ts';

export * from './exports.ts';
export { Tensor } from './webgpu/gpu-tensor.ts';

/** Opens a `.fqz` file with the operators of networks for pictures, on WebGPU or WebAssembly. See `Load`. */
export const load: Load = loaderOf({
  operators: OPERATORS,
  machines: { wasm: wasmMachines() },
  openEngine: engineChooser(SHADERS),
  foresee: foreseeing(SHADERS),
});
