/**
 * Real exporters' models: they come back the same, and run to the same bits.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { type FloatDType, fromFloats } from '../../../src/graph/numbers.ts';
import { elementCount, type Tensor } from '../../../src/graph/tensor.ts';
import { openOnnx } from '../../../src/onnxruntime.ts';
import { decodedIndependently } from '../../support/onnx-proto.ts';
import { random } from '../../support/random.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';

const FOLDER = 'models/onnx';
const names = hasShared(FOLDER) ? readdirSync(sharedPath(FOLDER)).filter((name) => name.endsWith('.onnx')) : [];

/** Sizes for the symbolic dimensions of these models; one of them was exported for a batch of two. */
const SIZES: Readonly<Record<string, number>> = { batch: 2, h: 32, w: 32 };

describe.skipIf(!hasShared(FOLDER))('real models (skipped without the shared models)', () => {
  it.each(names)('%s is the same after a rewrite', async (name) => {
    const bytes = readFileSync(sharedPath(`${FOLDER}/${name}`));
    const model = readOnnx(bytes);
    const rewritten = writeOnnx(model);
    // Not vitest's `toEqual`, which takes a minute over these arrays.
    deepStrictEqual(readOnnx(rewritten), model);
    deepStrictEqual(decodedIndependently(rewritten), decodedIndependently(bytes));
    deepStrictEqual(await outputs(rewritten), await outputs(bytes));
  });
});

const UNET = 'models/unet-759/model.onnx';

describe.skipIf(!hasShared(UNET))('a model with external data (skipped without the shared UNet)', () => {
  it('shares the memory of its one external file', () => {
    const weights = new Uint8Array(124_099_840);
    const asked: string[] = [];
    const model = readOnnx(readFileSync(sharedPath(UNET)), {
      externalData: (location) => {
        asked.push(location);
        return weights;
      },
    });
    expect(asked).toEqual(['weights.bin']);
    const external = [...model.graph.initializers.values()].filter(
      (tensor) => tensor.dtype !== 'string' && tensor.data.buffer === weights.buffer,
    );
    const bytes = external.reduce((sum, tensor) => sum + 4 * elementCount(tensor.shape), 0);
    expect(bytes).toBe(weights.length);
  });
});

async function outputs(model: Uint8Array): Promise<Map<string, Tensor>> {
  const session = await openOnnx(model, { engine: 'node', threads: 1 });
  try {
    const uniform = random(7);
    const feeds = new Map<string, Tensor>();
    for (const { name, dtype, shape } of session.inputs) {
      const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : (SIZES[dim ?? ''] ?? 1)));
      feeds.set(name, fromFloats(dtype as FloatDType, sizes, Array.from({ length: elementCount(sizes) }, uniform)));
    }
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}
