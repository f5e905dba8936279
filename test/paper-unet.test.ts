/**
 * The whole road on the model that Frequency Regularization is known for: the paper's UNet of 31 million weights.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFqz } from '../formats/fqz/read.ts';
import { readOnnxFile } from '../formats/onnx/file.ts';
import { writeOnnx } from '../formats/onnx/write.ts';
import { convert } from '../src/convert.ts';
import { openDataset } from '../src/data/data-spec.ts';
import { evaluate } from '../src/evaluate.ts';
import { onnxruntimeEvaluate } from '../src/evaluate-constants.ts';
import { openOnnx } from '../src/onnxruntime.ts';
import { unpack } from '../src/unpack.ts';
import { hasShared, sharedPath } from './support/shared-data.ts';

const FOLDER = 'models/unet-759';

describe.skipIf(!hasShared(FOLDER))(`the paper's UNet (skipped without ../shared/${FOLDER})`, () => {
  const shared = (name: string) => sharedPath(`${FOLDER}/${name}`);
  const json = (name: string) => JSON.parse(readFileSync(shared(name), 'utf8'));
  let folder = '';
  const load = () => readOnnxFile(join(folder, 'model.onnx'));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fqz-unet-'));
    execFileSync(process.execPath, [shared('make-weights.mjs'), folder]);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes at most 1,000 bytes, and segments cars as well as the original', async () => {
    const { bytes, report } = await convert(await load(), { evaluate: onnxruntimeEvaluate });
    expect(report.parameters).toBe(31_024_960);
    expect(bytes.length).toBeLessThanOrEqual(1000);

    const session = await openOnnx(writeOnnx(unpack(readFqz(bytes), { form: 'auto' })));
    const cars = await openDataset(`segmentation:${shared('images')},${shared('masks')}`);
    const { metric, value, samples } = await evaluate(session, cars);
    await session.release();
    expect({ metric, samples }).toEqual({ metric: 'dice', samples: 8 });
    expect(Math.abs(value - json('expected.json').original.mean)).toBeLessThan(0.005);
  }, 300_000);

  it('gives the published coefficients exactly in at most 2,000 bytes of float16', async () => {
    const { bytes } = await convert(await load(), {
      precision: 'fp16',
      evaluate: onnxruntimeEvaluate,
      keepNames: true,
    });
    const { bytes: nameless } = await convert(await load(), { precision: 'fp16', evaluate: onnxruntimeEvaluate });
    expect(nameless.length).toBeLessThanOrEqual(2000);

    type Layer = { shape: number[]; index: number[][]; value: number[] };
    const published: Layer[] = json('coefficients.json').layers;
    const networks = readFqz(bytes).weights.flatMap((weight) => ('network' in weight ? [weight.network] : []));
    expect(networks.length).toBe(published.length);
    for (const { shape, index, value } of published) {
      const found = networks.find(
        (network) => `${network.shape}` === `${shape}` && sameCore(network.operands[0], index, value),
      );
      expect(found, `the layer of shape ${shape} that begins with ${value[0]}`).toBeDefined();
    }
  }, 120_000);
});

/** Whether `operand` holds exactly these values at these places, and zero everywhere else. */
function sameCore(operand: unknown, index: number[][], value: number[]): boolean {
  const { shape, values } = operand as { shape: number[]; values: Float32Array };
  const expected = new Float32Array(values.length);
  for (const [at, places] of index.entries()) {
    if (places.some((place, axis) => place >= shape[axis]!)) return false;
    expected[places.reduce((offset, place, axis) => offset * shape[axis]! + place, 0)] = value[at]!;
  }
  return expected.every((number, at) => number === values[at]);
}
