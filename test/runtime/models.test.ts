import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { OpenedFqz } from '../../formats/fqz/read.ts';
import { type ElementType, elementsOf } from '../../runtime/elements.ts';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { createEngine } from '../../runtime/linear-engine.ts';
import { type Machine, wasmMachine } from '../../runtime/machine.ts';
import { noiseFeeds } from '../../src/data/noise.ts';
import { fromFloats, isFloat, toNumbers } from '../../src/graph/numbers.ts';
import { type NumericTensor, numericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { openOnnx, type TensorInfo } from '../../src/onnxruntime.ts';
import { compareOutput } from '../../src/output-comparison.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { openedModel } from './opened-model.ts';

const FOLDER = 'models/onnx';
const names = hasShared(FOLDER) ? readdirSync(sharedPath(FOLDER)) : [];
/** Models that plain JavaScript runs in a second. */
const SMALL = /lenet|mnist|resnet8|akamaster\./;
/** A model for pixels of 0 to 255, which magnifies rounding errors where its input has next to no contrast. */
const OF_PIXELS = /style/;

function run(file: OpenedFqz, machine: Machine, feeds: ReadonlyMap<string, Tensor>): Tensor[] {
  const given = [...feeds].map(([name, tensor]) => {
    const { dtype, shape } = tensor as NumericTensor & { dtype: ElementType };
    return [name, { dtype, shape, data: elementsOf(tensor as NumericTensor) }] as const;
  });
  const results = [...createEngine(file, machine).run(new Map(given)).values()];
  return results.map(({ dtype, shape, data }) =>
    numericTensor(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
}

/** Two samples of what leaves its batch open, and odd sizes where those are open too. */
const sizes = ({ shape }: TensorInfo) =>
  shape.map((dim, axis) => (typeof dim === 'number' ? dim : [2, 3, 50, 37][axis]!));

function pixels(tensor: Tensor): Tensor {
  if (!isFloat(tensor.dtype)) return tensor;
  return fromFloats(
    tensor.dtype,
    tensor.shape,
    Array.from(toNumbers(tensor), (value) => 128 + 50 * value),
  );
}

describe.skipIf(names.length === 0)('the shared models (skipped where they are absent)', () => {
  it.each(names)('%s: every output is what onnxruntime computes', async (name) => {
    const onnx = readFileSync(sharedPath(`${FOLDER}/${name}`));
    const original = await openOnnx(onnx, { engine: 'node' });
    const noise = noiseFeeds(original.inputs, 1, new Map(original.inputs.map((input) => [input.name, sizes(input)])));
    const feeds = OF_PIXELS.test(name) ? new Map([...noise].map(([key, tensor]) => [key, pixels(tensor)])) : noise;
    const expected = [...(await original.run(feeds))];
    await original.release();
    const file = await openedModel(onnx);
    const machines = [await wasmMachine({ relaxed: false }), ...(SMALL.test(name) ? [referenceMachine()] : [])];
    for (const machine of machines) {
      const results = run(file, machine, feeds);
      expect(results).toHaveLength(expected.length);
      for (const [at, [output, tensor]] of expected.entries()) {
        const comparer = compareOutput(output);
        comparer.add(results[at]!, tensor);
        const { maxRelativeError, rmsRelativeError } = comparer.result();
        expect(maxRelativeError, `${output} on ${machine.backend}`).toBeLessThan(1e-3);
        expect(rmsRelativeError, `${output} on ${machine.backend}`).toBeLessThan(1e-3);
      }
    }
  });
});
