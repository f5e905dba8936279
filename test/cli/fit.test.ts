import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpz } from '../../src/data/npz.ts';
import { float32Tensor, int64Tensor } from '../../src/graph/tensor.ts';
import { fqz, fqzJson, writeClassifier } from '../support/cli.ts';
import { normal } from '../support/random.ts';

const folder = mkdtempSync(join(tmpdir(), 'fqz-fit-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const UNET = fileURLToPath(new URL('../../fixtures/smooth-unet.onnx', import.meta.url));
const MODEL = at('classifier.onnx');
const DATA = `npz:${at('data.npz')}`;
/** The same with one class too many. */
const ODD = `npz:${at('odd.npz')}`;

/** Pictures of noise with a bright bar, whose height is the class. */
function writeBars(count: number): void {
  const next = normal(1);
  const labels = Array.from({ length: count }, (_, row) => row % 10);
  const pictures = new Float32Array(count * 784);
  labels.forEach((label, row) => {
    for (let pixel = 0; pixel < 784; pixel++) {
      const bar = Math.floor(pixel / 28) - (2 + 2.4 * label);
      pictures[row * 784 + pixel] = 0.3 * next() + (bar >= 0 && bar < 3 ? 1 : 0);
    }
  });
  const arrays = new Map([
    ['image', float32Tensor([count, 1, 28, 28], pictures)],
    ['labels', int64Tensor(labels)],
  ]);
  writeFileSync(at('data.npz'), writeNpz(arrays));
  arrays.set('labels', int64Tensor(labels.map((label) => label + 1)));
  writeFileSync(at('odd.npz'), writeNpz(arrays));
}

beforeAll(() => {
  writeClassifier(MODEL);
  writeBars(320);
});

describe('fqz fit', () => {
  it('writes a file of the wanted size that eval agrees with, and a log', async () => {
    const options = ['--target-size', '260', '--epochs', '15', '--batch', '32', '--start', 'fresh'];
    const result = await fqzJson(
      ...['fit', MODEL, '--data', DATA, '--eval', DATA, '-o', at('a.fqz'), ...options],
      ...['--log', at('log.jsonl'), '--curve', at('curve.svg')],
    );
    const { size } = statSync(at('a.fqz'));
    expect(size).toBeLessThanOrEqual(260);
    expect(result).toMatchObject({ input: { parameters: 1554 }, output: { bytes: size }, start: 'fresh', steps: 150 });
    expect(result.evaluation).toMatchObject({ metric: 'top1', samples: 320 });
    expect(result.evaluation.value).toBeGreaterThan(0.8);
    const { value } = await fqzJson('eval', at('a.fqz'), '--data', DATA);
    expect(value).toBeCloseTo(result.evaluation.value, 2);

    const log = readFileSync(at('log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(log.map(({ step }) => step)).toEqual([50, 100, 150]);
    expect(log.at(-1)).toMatchObject({ steps: 150, rounded: true });
    const curve = readFileSync(at('curve.svg'), 'utf8');
    for (const title of ['loss', 'wrong classes', 'bytes of the file, rounded'])
      expect(curve).toContain(`>${title}</text>`);
    const lines = [...curve.matchAll(/points="([^"]*)"/g)].map(([, points]) => points!.split(' ').length);
    expect(lines).toEqual([3, 3, 3]);
    expect(log.at(-1).loss).toBeLessThan(log[0].loss);
  });

  it('goes on from a checkpoint', async () => {
    const options = [
      '--coefficients',
      '80',
      '--epochs',
      '4',
      '--batch',
      '32',
      '--start',
      'fresh',
      '--checkpoint',
      at('state'),
    ];
    const first = await fqz('fit', MODEL, '--data', DATA, '-o', at('b.fqz'), ...options, '--resume');
    expect(first.stderr).toMatch(/^fqz: there is no .*fit\.checkpoint yet: starting from the beginning$/);
    expect(first.stdout).toMatch(/b\.fqz: \d+ bytes \(graph \d+ bytes, weights \d+ bytes, \d+ coefficients\)/);
    expect(readdirSync(at('state'))).toEqual(['fit.checkpoint']);
    const again = await fqzJson('fit', MODEL, '--data', DATA, '-o', at('c.fqz'), ...options, '--resume');
    expect(again.steps).toBe(40);
    expect(readFileSync(at('c.fqz'))).toEqual(readFileSync(at('b.fqz')));
  });

  it('trains on smaller pictures and fewer channels, and measures at the size of the pictures', async () => {
    for (const kind of ['pictures', 'masks']) mkdirSync(at(kind), { recursive: true });
    for (let picture = 0; picture < 4; picture++) {
      const inside = Array.from({ length: 32 * 24 }, (_, pixel) => {
        const [y, x] = [Math.floor(pixel / 24), pixel % 24];
        return (y - 16) ** 2 + (x - 6 - 3 * picture) ** 2 < 60;
      });
      const write = (kind: string, values: [number, number]) =>
        sharp(
          Uint8Array.from(inside, (is) => values[is ? 1 : 0]),
          { raw: { width: 24, height: 32, channels: 1 } },
        )
          .png()
          .toFile(at(`${kind}/${picture}.png`));
      await write('pictures', [60, 180]);
      await write('masks', [0, 255]);
    }
    const data = `segmentation:${at('pictures')},${at('masks')}`;
    const options = ['--target-size', '500', '--epochs', '20', '--batch', '2', '--learning-rate', '0.05'];
    const small = ['--size', '16x12', '--width', '0.5', '--finish', '0.1', '--start', 'trained'];
    const result = await fqzJson(
      ...['fit', UNET, '--data', data, '--eval', data, '-o', at('unet.fqz'), ...options, ...small],
    );
    expect(result).toMatchObject({ steps: 40, start: 'trained', evaluation: { metric: 'dice', samples: 4 } });
    expect((await fqzJson('eval', UNET, '--data', data)).value).toBeLessThan(0.5);
    expect(result.evaluation.value).toBeGreaterThan(0.8);
    expect((await fqzJson('eval', at('unet.fqz'), '--data', data)).value).toBeCloseTo(result.evaluation.value, 3);
  });

  it.each<[string, string[], RegExp]>([
    ['a size that the graph alone takes', ['--target-size', '50'], /50 bytes are too few: the graph alone takes \d+/],
    ['no size', [], /a fit needs a target size or a number of coefficients/],
    [
      'a checkpoint that is not there',
      ['--target-size', '300', '--resume'],
      /there is no .*d\.fqz\.checkpoint to go on from/,
    ],
    [
      'a learning rate at which the loss overflows',
      ['--target-size', '300', '--start', 'fresh', '--learning-rate', '1e30'],
      /the (loss|gradient) became (NaN|Infinity) at step \d+: try a lower learning rate/,
    ],
    [
      'classes that the model does not have',
      ['--target-size', '300', '--data', ODD],
      /a sample has class 10, the model tells 10 classes apart/,
    ],
    [
      'a width of weights without cosines',
      ['--target-size', '300', '--start', 'fresh', '--width', '0.5'],
      /^fqz: width: /,
    ],
    ['an odd part', ['--target-size', '300', '--distillation', '3'], /distillation must be from 0 to 1, not 3/],
  ])('refuses %s in one line, and leaves no file', async (_, options, message) => {
    const before = readdirSync(folder);
    const { code, stdout, stderr } = await fqz('fit', MODEL, '--data', DATA, '-o', at('d.fqz'), ...options);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^fqz: [^\n]+$/);
    expect(stderr).toMatch(message);
    expect(readdirSync(folder)).toEqual(before);
  });
});
