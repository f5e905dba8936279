/**
 * `fqz/runtime`: what a page, a worker or a server needs to open and run a `.fqz` file. No dependency, and nothing of Node.
 */
export { isFqz } from '../formats/fqz/read.ts';
export type { StoredWeight } from '../src/codec/archive.ts';
export type { CodedOperand, CosineOperand, Operand, TensorNetwork } from '../src/codec/network.ts';
export { FormatError, UnsupportedError } from '../src/errors.ts';
export type { DType } from '../src/graph/dtype.ts';
export type { Attribute, Dim, Node } from '../src/graph/graph.ts';
export { PREPARATION_DEFAULTS, type Preparation } from '../src/graph/preparation.ts';
export type { Tensor as StoredTensor } from '../src/graph/tensor.ts';
export type { Backend, WasmSource } from './backend.ts';
export type { ElementType } from './elements.ts';
export { type DecodedGraph, type DecodedModel, decodeFqz, type Port } from './js/decode.ts';
export { LOAD_DEFAULTS, type LoadOptions, load } from './load.ts';
export type { Session, SessionInfo } from './session.ts';
export type { LoadProgress, Source } from './source.ts';
export { type InputElements, type InputValue, type Tensor, tensor } from './tensor.ts';
