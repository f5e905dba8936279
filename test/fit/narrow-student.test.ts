/**
 * Students with fewer channels against the runtime's own narrowing of the same file.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openFqz } from '../../formats/fqz/read.ts';
import { writeFqz } from '../../formats/fqz/write.ts';
import { readOnnx } from '../../formats/onnx/read.ts';
import { createEngine } from '../../runtime/linear-engine.ts';
import { wasmMachine } from '../../runtime/machine.ts';
import { onnxruntimeEvaluate } from '../../src/evaluate-constants.ts';
import { assemblyFor } from '../../src/fit/assembly.ts';
import { buildNarrowStudent } from '../../src/fit/narrow-student.ts';
import type { Parameter } from '../../src/fit/parameter.ts';
import { parameterize } from '../../src/fit/parameterize.ts';
import { coreOf } from '../../src/fit/quantization.ts';
import { randomStream } from '../../src/fit/random.ts';
import type { Model } from '../../src/graph/graph.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import { simplify } from '../../src/graph/passes/simplify.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { largestDifference, runModel, seededFeeds } from '../support/run-model.ts';

let model: Model;
let parameters: Parameter[];

beforeAll(async () => {
  model = readOnnx(new Uint8Array(readFileSync(new URL('../../fixtures/smooth-unet.onnx', import.meta.url))));
  await simplify(model, { evaluate: onnxruntimeEvaluate });
  parameters = parameterize(model, { coefficients: 5000, start: 'trained', biases: true, random: randomStream(1) });
  for (const parameter of parameters) parameter.step = 0.05;
});

describe('a narrow student', () => {
  it.each([1 / 2, 3 / 4])('of %d of the width computes what the runtime does at that width', async (width) => {
    const feeds = seededFeeds(model, (axis) => [1, 1, 12, 8][axis]!);
    const shapes = new Map([...feeds].map(([name, { shape }]) => [name, shape]));
    const { model: student, cores } = buildNarrowStudent(model, parameters, shapes, width);
    const all = new Map(feeds);
    parameters.forEach((parameter, at) => {
      all.set(cores[at]!, float32Tensor(parameter.box, coreOf(parameter, true)));
    });
    const found = await runModel(student, all);

    const { bytes } = writeFqz(assemblyFor(model, {}).archive(parameters));
    const engine = createEngine(openFqz(bytes), await wasmMachine(), { width });
    const image = feeds.get('image')!;
    const mask = engine.run(new Map([['image', { dtype: 'float32', shape: image.shape, data: toFloat32(image) }]]));
    const { shape, data } = mask.get('mask')!;
    const expected = new Map([['mask', float32Tensor(shape, data as Float32Array)]]);
    expect(largestDifference(expected, found)).toBeLessThan(1e-4);
    const wide = await runModel(model, feeds);
    expect(largestDifference(wide, found)).toBeGreaterThan(1e-3);
  });

  it('says why a model cannot be narrowed', () => {
    const shapes = new Map([['image', [1, 1, 8, 8]]]);
    const at = (width: number) => () => buildNarrowStudent(model, parameters, shapes, width);
    expect(at(1 / 32)).toThrow(/^width: .* channels/);
    expect(at(2)).toThrow('the width must be above 0 and at most 1, not 2');
  });
});
