/**
 * What each part of the calibration is worth: bytes of the whole file at one and the same distance of the outputs, with the parts added
 * one after another, and with each left out. Needs models and data that are not part of the repository.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  convert,
  evaluate,
  onnxruntimeCalibration,
  onnxruntimeEvaluate,
  openDataset,
  openOnnx,
  readFqz,
  readOnnxFile,
  unpack,
  writeOnnx,
} from 'fqz';
import { logProbabilities, meanDivergence } from '../../dist/src/budget.js';
import { ALL_STAGES } from '../../dist/src/codec/calibration/code-layer.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration } from './measure.mjs';

const shared = (path) => fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));

/** `divergence` is the mean Kullback-Leibler divergence of the classes, in nats, at which bytes are compared. */
const NETS = [
  {
    name: 'ResNet-20',
    model: shared('models/onnx/cifar10-resnet20-akamaster.onnx'),
    samples: ['cifar10', shared('data/cifar10/train_10000.bin.gz'), ''],
    test: ['cifar10', shared('data/cifar10/test_2000.bin.gz'), ''],
    preparation: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    count: 512,
    divergence: 0.07,
  },
  {
    name: 'LeNet-5',
    model: shared('models/onnx/lenet5-mnist.onnx'),
    samples: ['mnist', shared('data/mnist'), ':train'],
    test: ['mnist', shared('data/mnist'), ''],
    preparation: { mean: [0.1307], std: [0.3081] },
    count: 512,
    divergence: 0.004,
  },
];

const NONE = Object.fromEntries(Object.keys(ALL_STAGES).map((stage) => [stage, false]));
/** In the order in which they are added. */
const PARTS = [
  ['error feedback', ['feedback']],
  ['bias correction', ['biasCorrection']],
  ['centred moments', ['centred']],
  ['sequential targets', ['sequential']],
  ['window DCT', ['windowDct']],
  ['rate-distortion decisions', ['rateDistortion']],
];

/** Prints the tables; nothing to fail. */
export async function run() {
  console.log('## Calibration: bytes of the file at one divergence from the original\n');
  for (const net of NETS) {
    if (![net.model, net.samples[1], net.test[1]].every((path) => existsSync(path))) {
      console.log(`${net.name} skipped: no ${net.model}, or no data for it\n`);
      continue;
    }
    await table(net);
  }
}

async function table(net) {
  const testSet = await openDataset(`${net.test[0]}:${net.test[1]}${net.test[2]}`);
  const calibrationSet = await openDataset(`${net.samples[0]}:${net.samples[1]}${net.samples[2]}`);
  const reference = await outputs(await readOnnxFile(net.model), testSet, net);
  console.log(`${net.name}, top-1 ${percent(reference.correct)}, at a divergence of ${net.divergence}:\n`);
  const rows = [];
  const add = async (label, stages) => {
    const made = await atDivergence(net, stages, calibrationSet, testSet, reference);
    const change = rows.length === 0 ? '' : percent(made.bytes / rows.at(-1).bytes - 1);
    rows.push({ label, ...made, change });
  };
  await add('rounding without samples', undefined);
  let stages = NONE;
  await add('steps by the moments', stages);
  for (const [label, parts] of PARTS) {
    stages = { ...stages, ...Object.fromEntries(parts.map((part) => [part, true])) };
    await add(`+ ${label}`, stages);
  }
  const all = rows.at(-1);
  for (const [label, parts] of PARTS) {
    const without = { ...ALL_STAGES, ...Object.fromEntries(parts.map((part) => [part, false])) };
    const made = await atDivergence(net, without, calibrationSet, testSet, reference);
    rows.push({ label: `all but ${label}`, ...made, change: percent(made.bytes / all.bytes - 1) });
  }
  console.log(
    markdownTable(
      ['parts', 'bytes', 'change', 'top-1 drop, points', 'one conversion'],
      rows.map(({ label, bytes, change, drop, seconds }) => [
        label,
        String(Math.round(bytes)),
        change,
        drop.toFixed(2),
        duration(seconds),
      ]),
    ),
  );
  console.log();
}

const percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;

/** The file whose divergence is near the wanted one, and its bytes carried over to just that one. */
async function atDivergence(net, stages, calibrationSet, testSet, reference) {
  const tried = [];
  let quality = 80;
  for (let attempt = 0; attempt < 6; attempt++) {
    const started = performance.now();
    const { bytes } = await convert(await readOnnxFile(net.model), {
      quality,
      evaluate: onnxruntimeEvaluate,
      ...(stages && {
        calibrate: onnxruntimeCalibration(calibrationSet, { samples: net.count, preparation: net.preparation }),
        calibrationStages: stages,
      }),
    });
    const seconds = (performance.now() - started) / 1000;
    const found = await outputs(unpack(readFqz(bytes)), testSet, net);
    const off = Math.log(meanDivergence(reference.probabilities, found.probabilities) / net.divergence);
    const drop = 100 * (reference.correct - found.correct);
    tried.push({ x: Math.log((101 - quality) / 100), off, bytes: bytes.length, drop, seconds });
    tried.sort((a, b) => Math.abs(a.off) - Math.abs(b.off));
    const [best, second] = tried;
    if (Math.abs(best.off) < 0.05 && second) break;
    // Divergence grows with the square of the error, which is the power 1.4 of this scale.
    const slope = second ? (second.off - best.off) / (second.x - best.x) : 2.8;
    const x = best.x - best.off / Math.min(Math.max(slope, 1.4), 8);
    quality = Math.min(Math.max(101 - 100 * Math.exp(x), 1), 99.9);
  }
  const [best, second] = tried;
  // Two files of nearly one divergence tell no slope, only noise.
  const slope = Math.log(second.bytes / best.bytes) / (second.off - best.off);
  const plausible = Math.abs(second.off - best.off) > 0.1 ? Math.min(Math.max(slope, -0.6), -0.1) : -0.25;
  return { ...best, bytes: best.bytes * Math.exp(-best.off * plausible) };
}

/** Log-probabilities of all samples, and the fraction of right classes. */
async function outputs(model, dataset, { preparation }) {
  const session = await openOnnx(writeOnnx(model));
  try {
    const probabilities = await logProbabilities(session, dataset, { preparation });
    const { value } = await evaluate(session, dataset, { preparation });
    return { probabilities, correct: value };
  } finally {
    await session.release();
  }
}
