/// <reference types="vite/client" />
/**
 * The UNet of Frequency Regularization in a page, from its 648 bytes: on WebGPU it finds the cars that it finds on WebAssembly, at any width,
 * and two sessions of different widths do not disturb each other.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import unetUrl from '../../fixtures/fqz/unet.fqz?url';
import { load, type Tensor } from '../../runtime/full.ts';
import { relativeError } from '../support/relative-error.ts';

const [pictureUrl] = Object.values(
  import.meta.glob<string>('../../../shared/models/unet-759/images/*', {
    eager: true,
    query: '?url',
    import: 'default',
  }),
);
const [HEIGHT, WIDTH] = [640, 959];
const PIXELS = HEIGHT * WIDTH;

/** RGB, 0 to 1, a plane a channel. */
async function picture(url: string): Promise<Float32Array> {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob(), { resizeWidth: WIDTH, resizeHeight: HEIGHT });
  const context = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
  return Float32Array.from({ length: 3 * PIXELS }, (_, at) => data[(at % PIXELS) * 4 + Math.floor(at / PIXELS)]! / 255);
}

describe.skipIf(!pictureUrl)('the UNet on a picture of a car (skipped without the shared pictures)', () => {
  let file: Uint8Array;
  let image: Float32Array;
  beforeAll(async () => {
    file = new Uint8Array(await (await fetch(unetUrl)).arrayBuffer());
    image = await picture(pictureUrl!);
  });

  const masks = async (backend: 'wasm' | 'webgpu', width: number) => {
    const session = await load(file, { backend, width });
    return { session, run: async () => Object.values(await session.run({ image }))[0] as Tensor };
  };
  const isCar = ({ data }: Tensor, at: number) => (data[PIXELS + at] as number) > (data[at] as number);

  it('the masks agree on 99.9 % of the pixels', { timeout: 300_000 }, async () => {
    const onWasm = await masks('wasm', 1);
    const onGpu = await masks('webgpu', 1);
    const [expected, actual] = [await onWasm.run(), await onGpu.run()];
    let [agreeing, cars] = [0, 0];
    for (let at = 0; at < PIXELS; at++) {
      agreeing += Number(isCar(expected, at) === isCar(actual, at));
      cars += Number(isCar(expected, at));
    }
    console.info(`${JSON.stringify(onGpu.session.info)}, ${agreeing} of ${PIXELS} pixels agree`);
    expect(cars / PIXELS).toBeGreaterThan(0.05);
    expect(agreeing / PIXELS).toBeGreaterThanOrEqual(0.999);
    onGpu.session.dispose();
  });

  it('two widths run in turn', { timeout: 300_000 }, async () => {
    const [a, b] = [await masks('webgpu', 1 / 2), await masks('webgpu', 1 / 4)];
    const results = await Promise.all([a.run(), b.run(), a.run(), b.run()]);
    for (const [at, width] of [1 / 2, 1 / 4].entries()) {
      const expected = await (await masks('wasm', width)).run();
      for (const { data } of [results[at]!, results[at + 2]!]) {
        expect(relativeError(data as Float32Array, expected.data as Float32Array)).toBeLessThan(1e-3);
      }
    }
    expect(b.session.info.memory.activations).toBeLessThanOrEqual(a.session.info.memory.activations);
    for (const { session } of [a, b]) session.dispose();
  });
});
