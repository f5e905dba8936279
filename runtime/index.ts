/**
 * `fqz/runtime`: what a page, a worker or a server needs to run a `.fqz` file on WebAssembly. No dependency, and nothing of
 * Node. `fqz/runtime/full` has the same and more.
 */
import { wasmMachines } from './backend.ts';
import { type Load, loaderOf } from './load.ts';
import { OPERATORS } from './operators/index.ts';

export { FormatError, UnsupportedError } from '../src/errors.ts';
export type { DType } from '../src/graph/dtype.ts';
export type { Dim } from '../src/graph/graph.ts';
export type { Preparation } from '../src/graph/preparation.ts';
export type { Backend, WasmSource } from './backend.ts';
export type { Port } from './decoded-graph.ts';
export type { ElementType } from './elements.ts';
export { LOAD_DEFAULTS, type Load, type LoadOptions } from './load.ts';
export type { Session, SessionInfo } from './session.ts';
export type { LoadProgress, Source } from './source.ts';
export { type InputElements, type InputValue, type Tensor, tensor } from './tensor.ts';

/** Opens a `.fqz` file with the operators of networks for pictures, on WebAssembly. See `Load`. */
export const load: Load = loaderOf({ operators: OPERATORS, machines: { wasm: wasmMachines() } });
