/// <reference types="vite/client" />
/**
 * The shared models in a page: on WebGPU they give what they give on WebAssembly, where they agree with onnxruntime.
 */
import { describe, expect, it } from 'vitest';
import { graphOf } from '../../runtime/decoded-graph.ts';
import { type ElementType, elementsOf } from '../../runtime/elements.ts';
import type { EngineTensor } from '../../runtime/engine.ts';
import { createEngine } from '../../runtime/linear-engine.ts';
import { wasmMachine } from '../../runtime/machine.ts';
import { createPlanner } from '../../runtime/planner.ts';
import { atOnce } from '../../runtime/turns.ts';
import { ALL_SHADERS } from '../../runtime/webgpu/all-shaders.ts';
import { openGpu } from '../../runtime/webgpu/device.ts';
import { gpuEngine } from '../../runtime/webgpu/engine.ts';
import { noiseFeeds } from '../../src/data/noise.ts';
import { toNumbers } from '../../src/graph/numbers.ts';
import type { NumericTensor } from '../../src/graph/tensor.ts';
import { openedModel } from '../runtime/opened-model.ts';
import { relativeError } from '../support/relative-error.ts';

const MODELS = import.meta.glob<string>('../../../shared/models/onnx/*.onnx', {
  eager: true,
  query: '?url',
  import: 'default',
});

/** A model for pixels of 0 to 255, which magnifies rounding errors where its input has next to no contrast. */
const OF_PIXELS = /style/;

/** Two samples of what leaves its batch open, and odd sizes where those are open too. */
const OPEN_SIZES = [2, 3, 50, 37];

const numbersIn = ({ dtype, shape, data }: EngineTensor) =>
  toNumbers({ dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });

describe.skipIf(Object.keys(MODELS).length === 0)('the shared models (skipped where they are absent)', () => {
  it.each(Object.entries(MODELS))('%s', { timeout: 300_000 }, async (path, url) => {
    const file = await openedModel(new Uint8Array(await (await fetch(url)).arrayBuffer()));
    const inputs = graphOf(file).inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape: shape! }));
    const sizes = new Map(
      inputs.map(({ name, shape }) => [
        name,
        shape.map((size, axis) => (typeof size === 'number' ? size : OPEN_SIZES[axis]!)),
      ]),
    );
    const feeds = new Map(
      [...noiseFeeds(inputs, 1, sizes)].map(([name, tensor]): [string, EngineTensor] => {
        const { dtype, shape } = tensor as NumericTensor & { dtype: ElementType };
        const data = elementsOf(tensor as NumericTensor);
        if (OF_PIXELS.test(path)) (data as Float32Array).set((data as Float32Array).map((value) => 128 + 50 * value));
        return [name, { dtype, shape, data }];
      }),
    );
    const machine = await wasmMachine();
    const expected = createEngine(file, machine).run(feeds);
    const planner = atOnce(createPlanner(file, machine));
    const engine = gpuEngine(planner, machine, await openGpu(), { maxMemory: 2 ** 31, shaders: ALL_SHADERS });
    const results = await engine.run(feeds);
    engine.dispose();
    expect([...results.keys()]).toEqual([...expected.keys()]);
    for (const [name, tensor] of expected) {
      const result = results.get(name) as EngineTensor;
      expect(result.shape).toEqual(tensor.shape);
      expect(relativeError(numbersIn(result), numbersIn(tensor)), name).toBeLessThan(1e-3);
    }
  });
});
