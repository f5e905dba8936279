/**
 * `fqz/ort`: runs a `.fqz` file in onnxruntime-web, or in onnxruntime-node where that is installed.
 */
export type { Archive } from '../../src/codec/archive.ts';
export { FormatError, UnsupportedError } from '../../src/errors.ts';
export type { Preparation } from '../../src/graph/preparation.ts';
export { OnnxruntimeError, type TensorInfo } from '../../src/onnxruntime.ts';
export type { Form } from '../../src/unpack.ts';
export {
  OPEN_ARCHIVE_DEFAULTS as SESSION_DEFAULTS,
  type OpenArchiveOptions as SessionOptions,
} from './open-archive.ts';
export { createSession, type Session } from './session.ts';
export type { Elements, InputValue, OutputValue } from './values.ts';
