/**
 * How fast a `.fqz` file is decoded, against inflating the same weights from gzip.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { convert, readOnnxFile } from 'fqz';
import { decodeFqz } from 'fqz/runtime/full';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, inTurn } from './measure.mjs';

const MODELS = ['lenet5-mnist', 'yolox-nano', 'mobilenetv2-nsfwjs-keras3export'];
const pathOf = (model) => fileURLToPath(new URL(`../../../shared/models/onnx/${model}.onnx`, import.meta.url));
const ROUNDS = 5;

async function rowOf(model) {
  const { bytes } = await convert(await readOnnxFile(pathOf(model)), { quality: 90 });
  const decoded = decodeFqz(bytes);
  const floats = [...decoded.weights].flatMap(([name, weight]) => ('network' in weight ? [name] : []));
  const rebuilt = floats.map((name) => decoded.weight(name));
  const elements = rebuilt.reduce((sum, { length }) => sum + length, 0);
  const zipped = gzipSync(Buffer.concat(rebuilt.map(({ buffer }) => new Uint8Array(buffer))));
  const times = inTurn(
    {
      coefficients: () => decodeFqz(bytes),
      weights: () => {
        for (const name of floats) decoded.weight(name);
      },
      gzip: () => gunzipSync(zipped),
    },
    ROUNDS,
  );
  const [coefficients, weights, gzip] = ['coefficients', 'weights', 'gzip'].map((name) => times.get(name));
  return [
    model,
    bytes.length.toLocaleString('en'),
    duration(coefficients),
    `${(elements / coefficients / 1e6).toFixed(1)} M/s`,
    duration(weights),
    `${(elements / weights / 1e6).toFixed(1)} M/s`,
    zipped.length.toLocaleString('en'),
    duration(gzip),
    `${((coefficients + weights) / gzip).toFixed(1)} ×`,
  ];
}

/** Prints the figures, or why there are none. */
export async function run() {
  console.log('## Decoding\n');
  const here = MODELS.filter((model) => existsSync(pathOf(model)));
  if (here.length === 0) {
    console.log('Skipped: the models in ../shared/models/onnx are not here.');
    return;
  }
  const rows = [];
  for (const model of here) rows.push(await rowOf(model));
  const titles = [
    'model, quality 90',
    '.fqz',
    'coefficients',
    'numbers',
    'IDCT',
    'numbers',
    'gzip',
    'gunzip',
    'ours to it',
  ];
  console.log(markdownTable(titles, rows));
}
