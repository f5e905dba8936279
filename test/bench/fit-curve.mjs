/**
 * Accuracy against bytes of ResNet-20 on CIFAR-10, fitted from its own coefficients and from random ones, beside the control: a plain
 * ResNet-20 with fewer channels, as many numbers as the fit has coefficients, a file that is no larger, and the same data, epochs and
 * teacher. In three epochs: 81.7 % in 57,929 bytes (control 25.2 %), 72.1 % in 20,000 (22.0 %), 44.9 % in 10,000 (24.1 %), 22.5 % in 4,999
 * (19.5 %) and 13.3 % in 2,000 (17.9 %): so short a training suits what is trained already. Needs the model and the data, which are not
 * part of the repository; with N runs, there are N times the epochs.
 */
import {
  evaluate,
  fit as fitModel,
  onnxruntimeEvaluate,
  openDataset,
  openOnnx,
  readOnnxFile,
  trainingData,
  unpack,
  writeOnnx,
} from 'fqz';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration } from './measure.mjs';
import { narrowResnet, numbersAt, widthOf } from './narrow-resnet.mjs';
import { isHere, NETS, pathOf, shared } from './trained-nets.mjs';

const NET = NETS.find(({ name }) => name === 'ResNet-20');
/** The calibrated files of `convert`, without training: 81.30 % in 61,452 bytes, 80.45 % in 49,681. */
const SIZES = [60_000, 20_000, 10_000, 5000, 2000];
/** Fits from random coefficients are shown up to this size; above it so few epochs give them no chance. */
const FRESH_UP_TO = 5000;
const EPOCHS = 3;
const VARIATION = { shift: 4, flip: true };
const THREADS = 1;

/** Prints the curve. */
export async function run(runs) {
  if (!isHere(NET)) {
    console.log(`fit-curve: skipped, there is no ${pathOf(NET)}, or no data for it`);
    return;
  }
  const original = await readOnnxFile(pathOf(NET));
  const { train, test } = await data(original);
  const correct = await accuracyOf(original, test);
  const epochs = EPOCHS * runs;
  console.log(
    `## ResNet-20, ${percent(correct)} of ${test.count} pictures, fitted on ${train.count} in ${epochs} epochs\n`,
  );
  const rows = [];
  const attempt = async (label, model, targetSize, options) => {
    const started = performance.now();
    const { bytes, archive, coefficients } = await fitModel(model, train, {
      execute: (graph) => openOnnx(writeOnnx(graph), { threads: THREADS }),
      evaluate: onnxruntimeEvaluate,
      teacher: original,
      distillation: 1,
      augment: true,
      ...{ targetSize, epochs, ...options },
    });
    const accuracy = await accuracyOf(unpack(archive), test);
    const seconds = (performance.now() - started) / 1000;
    rows.push([label, grouped(bytes.length), grouped(coefficients), percent(accuracy), duration(seconds)]);
    console.log(rows.at(-1).join(', '));
    return coefficients;
  };
  for (const size of SIZES) {
    const own = { start: 'trained', roundFrom: 0.1 };
    const coefficients = await attempt('its own coefficients', await readOnnxFile(pathOf(NET)), size, own);
    if (size <= FRESH_UP_TO) {
      await attempt('random coefficients', await readOnnxFile(pathOf(NET)), size, { start: 'fresh' });
    }
    const width = widthOf(coefficients);
    const control = await narrowResnet(pathOf(NET), width);
    await attempt(`${width}, ${2 * width} and ${4 * width} channels`, control, size, {
      start: 'fresh',
      coefficients: numbersAt(width),
    });
  }
  console.log(`\n${markdownTable(['fit from', 'bytes', 'coefficients', 'accuracy', 'time'], rows)}`);
}

async function data(model) {
  const open = ([kind, path]) => openDataset(`${kind}:${shared(path)}`);
  const session = await openOnnx(writeOnnx(model));
  const { preparation } = NET;
  const train = trainingData(session, await open(NET.data.spec), { preparation, ...VARIATION });
  await session.release();
  return { train, test: await open(NET.data.test) };
}

async function accuracyOf(model, test) {
  const session = await openOnnx(writeOnnx(model), { threads: THREADS });
  const { value } = await evaluate(session, test, { preparation: NET.preparation });
  await session.release();
  return value;
}

const grouped = (value) => value.toLocaleString('en');
const percent = (fraction) => `${(100 * fraction).toFixed(2)} %`;
