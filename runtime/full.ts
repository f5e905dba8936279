/**
 * `fqz/runtime/full`: the runtime with everything: also the plain JavaScript kernels, for pages whose content security
 * policy forbids WebAssembly, the operators for sequences, sampling, detection and quantised models, and the reference decoder.
 */
import { wasmMachines } from './backend.ts';
import { referenceMachine } from './js/machine.ts';
import { furtherKernels } from './js/rare/further-kernels.ts';
import { type Load, loaderOf } from './load.ts';
import { ALL_OPERATORS } from './operators/all.ts';

export { isFqz } from '../formats/fqz/read.ts';
export type { StoredWeight } from '../src/codec/archive.ts';
export type { CodedOperand, CosineOperand, Operand, TensorNetwork } from '../src/codec/network.ts';
export { FormatError, UnsupportedError } from '../src/errors.ts';
export type { DType } from '../src/graph/dtype.ts';
export type { Attribute, Dim, Node } from '../src/graph/graph.ts';
export { PREPARATION_DEFAULTS, type Preparation } from '../src/graph/preparation.ts';
export type { Tensor as StoredTensor } from '../src/graph/tensor.ts';
export type { Backend, WasmSource } from './backend.ts';
export type { DecodedGraph, Port } from './decoded-graph.ts';
export type { ElementType } from './elements.ts';
export { type DecodedModel, decodeFqz } from './js/decode.ts';
export { LOAD_DEFAULTS, type Load, type LoadOptions } from './load.ts';
export type { Session, SessionInfo } from './session.ts';
export type { LoadProgress, Source } from './source.ts';
export { type InputElements, type InputValue, type Tensor, tensor } from './tensor.ts';

/** Opens a `.fqz` file with every operator there is, on WebAssembly or in plain JavaScript. See `Load`. */
export const load: Load = loaderOf({
  operators: ALL_OPERATORS,
  machines: { wasm: wasmMachines(furtherKernels), js: async () => referenceMachine() },
});
