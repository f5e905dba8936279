/**
 * `fqz/runtime/full`: the runtime with everything: also WebGPU, the plain JavaScript kernels, for pages whose content security
 * policy forbids WebAssembly, the operators for sequences, sampling, detection and quantised models, and the reference decoder.
 */
import { wasmMachines } from './backend.ts';
import { referenceMachine } from './js/machine.ts';
import { furtherKernels } from './js/rare/further-kernels.ts';
import { type Load, loaderOf } from './load.ts';
import { ALL_OPERATORS } from './operators/all.ts';
import { ALL_SHADERS } from './webgpu/all-shaders.ts';
import { engineChooser } from './webgpu/choose-engine.ts';
import { foreseeing } from './webgpu/foresee.ts';

export { isFqz } from '../formats/fqz/read.ts';
export type { StoredWeight } from '../src/codec/archive.ts';
export type { CodedOperand, CosineOperand, Operand, TensorNetwork } from '../src/codec/network.ts';
export type { Attribute, Node } from '../src/graph/graph.ts';
export { PREPARATION_DEFAULTS } from '../src/graph/preparation.ts';
export type { Tensor as StoredTensor } from '../src/graph/tensor.ts';
export type { DecodedGraph } from './decoded-graph.ts';
export * from './exports.ts';
export { type DecodedModel, decodeFqz } from './js/decode.ts';
export { Tensor } from './webgpu/gpu-tensor.ts';

/** Opens a `.fqz` file with every operator there is, on WebGPU, on WebAssembly or in plain JavaScript. See `Load`. */
export const load: Load = loaderOf({
  operators: ALL_OPERATORS,
  machines: { wasm: wasmMachines(furtherKernels), js: async () => referenceMachine() },
  openEngine: engineChooser(ALL_SHADERS),
  foresee: foreseeing(ALL_SHADERS),
});
