/**
 * A `.fqz` file in the project's own runtime, behind the interface that evaluating and comparing know.
 */
import { setImmediate } from 'node:timers/promises';
import { type ElementType, elementsOf, isElementType } from '../../runtime/elements.ts';
import { type LoadOptions, load } from '../../runtime/full.ts';
import type { SessionInfo } from '../../runtime/session.ts';
import type { InputValue } from '../../runtime/tensor.ts';
import { UnsupportedError } from '../errors.ts';
import { type NumericTensor, numericTensor, type Tensor } from '../graph/tensor.ts';
import type { RunnableFile } from './load-model.ts';

/** A file that this project's runtime runs. */
export interface RuntimeFile extends RunnableFile {
  /** What it runs on, as of now. */
  info(): SessionInfo;
}

/**
 * A run holds up everything else, so that only between two can Ctrl-C and the progress bar have their turn; this often.
 */
const MILLISECONDS_BETWEEN_TURNS = 50;

/** Opens the file. Rejects as `load` does, with a hint at onnxruntime where this runtime does not know an operator. */
export async function openInRuntime(
  content: Uint8Array,
  options: Pick<LoadOptions, 'backend' | 'width'>,
): Promise<RuntimeFile> {
  const session = await load(content, options).catch((cause) => {
    if (!(cause instanceof UnsupportedError)) throw cause;
    throw new UnsupportedError(`${cause.message} (--backend onnxruntime may run it)`, { cause });
  });
  const { preparation, labels, inputs, outputs } = session;
  let lastTurn = 0;
  return {
    session: {
      inputs: inputs.map((port) => ({ shape: [], ...port })),
      outputs: outputs.map((port) => ({ shape: [], ...port })),
      async run(feeds) {
        if (performance.now() - lastTurn > MILLISECONDS_BETWEEN_TURNS) {
          await setImmediate();
          lastTurn = performance.now();
        }
        const values = [...feeds].map(([name, tensor]) => [name, inputValue(tensor)] as const);
        const results = await session.run(Object.fromEntries(values));
        return new Map(outputs.map(({ name }) => [name, asBytes(results[name]!)]));
      },
      release: async () => session.dispose(),
    },
    info: () => session.info,
    ...(preparation && { preparation }),
    ...(labels && { labels }),
  };
}

function inputValue(tensor: Tensor): InputValue {
  const { dtype, shape } = tensor;
  if (dtype === 'string' || !isElementType(dtype)) throw new UnsupportedError(`an input of type ${dtype}`);
  return { dtype, shape, data: elementsOf(tensor) };
}

function asBytes({
  dtype,
  shape,
  data,
}: {
  dtype: ElementType;
  shape: readonly number[];
  data: ArrayBufferView;
}): NumericTensor {
  return numericTensor(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}
