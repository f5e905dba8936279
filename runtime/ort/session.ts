/**
 * A `.fqz` file as a session in the manner of onnxruntime: typed arrays in, typed arrays out.
 */
import { readFqz } from '../../formats/fqz/read.ts';
import type { Archive } from '../../src/codec/archive.ts';
import type { Preparation } from '../../src/graph/preparation.ts';
import type { TensorInfo } from '../../src/onnxruntime.ts';
import { type OpenArchiveOptions, openArchive } from './open-archive.ts';
import { type InputValue, inputTensor, type OutputValue, outputValue } from './values.ts';

/** An open model. */
export interface Session {
  /** The onnxruntime that runs it. */
  readonly engine: 'node' | 'web';
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** How the input is to be prepared, where the file says so. */
  readonly preparation?: Preparation;
  /** Class labels by index, where the file has them. */
  readonly labels?: readonly string[];
  /**
   * Runs the model on a value for every input, by name, and gives every output by name. Calls are served one after
   * another. Throws `TypeError` for a missing, unknown or mistyped input, `RangeError` for dimensions that do not fit
   * the elements, `UnsupportedError` for element types without a typed array, and `OnnxruntimeError` for what
   * onnxruntime refuses.
   */
  run(feeds: Readonly<Record<string, InputValue>>): Promise<Record<string, OutputValue>>;
  /** Frees the model's memory. */
  release(): Promise<void>;
}

/**
 * Opens a `.fqz` file, or an archive that has been read from one, in onnxruntime. In a page onnxruntime-web fetches its
 * WebAssembly by itself; its `env.wasm` may be set before the first session, as its documentation has it.
 *
 * @throws {FormatError} for anything but a whole, undamaged file of a known version
 * @throws {UnsupportedError} where the wanted engine is not there, or an input or output is not a tensor
 * @throws {OnnxruntimeError} where onnxruntime refuses the model
 */
export async function createSession(
  source: Uint8Array | ArrayBuffer | Archive,
  options: OpenArchiveOptions = {},
): Promise<Session> {
  const archive = archiveOf(source);
  const { preparation, labels } = archive;
  const session = await openArchive(archive, options);
  const { engine, inputs, outputs } = session;
  return {
    engine,
    inputs,
    outputs,
    ...(preparation && { preparation }),
    ...(labels && { labels }),
    async run(feeds) {
      const tensors = Object.entries(feeds).map(([name, value]) => {
        const input = inputs.find((candidate) => candidate.name === name);
        if (!input) throw new TypeError(`the model has no input "${name}"`);
        return [name, inputTensor(value, input)] as const;
      });
      const results = await session.run(new Map(tensors));
      return Object.fromEntries([...results].map(([name, tensor]) => [name, outputValue(tensor, name)]));
    },
    release: () => session.release(),
  };
}

function archiveOf(source: Uint8Array | ArrayBuffer | Archive): Archive {
  if (source instanceof Uint8Array) return readFqz(source);
  if (source instanceof ArrayBuffer) return readFqz(new Uint8Array(source));
  if (source && 'graph' in source && 'weights' in source) return source;
  throw new TypeError('the source must be the bytes of a .fqz file, or an archive');
}
