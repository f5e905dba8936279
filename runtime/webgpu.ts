/**
 * `fqz/runtime/webgpu`: WebGPU without WebAssembly. Plain JavaScript decodes the file, and takes over where there is no GPU.
 */
import { referenceMachine } from './js/machine.ts';
import { type Load, loaderOf } from './load.ts';
import { OPERATORS } from './operators/index.ts';
import { engineChooser } from './webgpu/choose-engine.ts';
import { foreseeing } from './webgpu/foresee.ts';
import { SHADERS } from './webgpu/shaders.ts';

export * from './exports.ts';
export { Tensor } from './webgpu/gpu-tensor.ts';

/** Opens a `.fqz` file with the operators of networks for pictures, on WebGPU or in plain JavaScript. See `Load`. */
export const load: Load = loaderOf({
  operators: OPERATORS,
  machines: { js: async () => referenceMachine() },
  openEngine: engineChooser(SHADERS),
  foresee: foreseeing(SHADERS),
});
