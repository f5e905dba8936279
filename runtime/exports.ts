/**
 * What every build of the runtime exports besides its `load`.
 */
export { FormatError, UnsupportedError } from '../src/errors.ts';
export type { DType } from '../src/graph/dtype.ts';
export type { Dim } from '../src/graph/graph.ts';
export type { Preparation } from '../src/graph/preparation.ts';
export type { Backend, WasmSource } from './backend.ts';
export type { Port } from './decoded-graph.ts';
export type { ElementType } from './elements.ts';
export { LOAD_DEFAULTS, type Load, type LoadOptions } from './load.ts';
export type { Feeds, RunOptions, Session, SessionInfo } from './session.ts';
export type { LoadProgress, Source } from './source.ts';
export { type GpuTensor, type InputElements, type InputValue, type Tensor, tensor } from './tensor.ts';
