/**
 * What each part of the calibration is worth: bytes of the whole file at one and the same distance of the outputs, with the parts added
 * one after another, and with each left out. Needs models and data that are not part of the repository.
 */
import {
  convert,
  evaluate,
  noiseCalibration,
  onnxruntimeCalibration,
  onnxruntimeEvaluate,
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
import { isHere, netsNamed, pathOf, picturesFor } from './trained-nets.mjs';

/** The mean Kullback-Leibler divergence of the classes, in nats, at which bytes are compared. */
const DIVERGENCES = { 'ResNet-20': 0.07, 'LeNet-5': 0.004 };

const NONE = Object.fromEntries(Object.keys(ALL_STAGES).map((stage) => [stage, false]));
/** In the order in which they are added. */
const PARTS = [
  ['error feedback', ['feedback']],
  ['bias correction', ['biasCorrection']],
  ['centred moments', ['centred']],
  ['sequential targets', ['sequential']],
  ['window DCT', ['windowDct']],
  ['rate-distortion decisions', ['rateDistortion']],
  ['dependent quantisation', ['trellis']],
  ['row feedback', ['rowFeedback']],
];

/** Prints the tables. Throws `TypeError` where a stage of the codec is in none of the parts. */
export async function run(_, { net: part }) {
  console.log('## Calibration: bytes of the file at one divergence from the original\n');
  const parts = new Set(PARTS.flatMap(([, stages]) => stages));
  const missing = Object.keys(ALL_STAGES).filter((stage) => !parts.has(stage));
  if (missing.length > 0) throw new TypeError(`no part of the table switches ${missing.join(', ')}`);
  for (const net of netsNamed(part)) {
    if (!(net.name in DIVERGENCES)) continue;
    if (isHere(net)) await table({ ...net, divergence: DIVERGENCES[net.name] });
    else console.log(`${net.name} skipped: no ${pathOf(net)}, or no data for it\n`);
  }
}

async function table(net) {
  const { samples: calibrationSet, test: testSet } = await picturesFor(net);
  const reference = await outputs(await readOnnxFile(pathOf(net)), testSet, net);
  console.log(`${net.name}, top-1 ${percent(reference.correct)}, at a divergence of ${net.divergence}:\n`);
  const { preparation, data } = net;
  const calibrate = onnxruntimeCalibration(calibrationSet, { samples: data.count, preparation });
  const rows = [];
  const add = async (label, options, against = rows.at(-1)) => {
    const made = await atDivergence(net, options, testSet, reference);
    rows.push({ label, ...made, change: against ? percent(made.bytes / against.bytes - 1) : '' });
  };
  await add('rounding without samples', {});
  let stages = NONE;
  await add('steps by the moments', { calibrate, calibrationStages: stages });
  for (const [label, parts] of PARTS) {
    stages = { ...stages, ...Object.fromEntries(parts.map((part) => [part, true])) };
    await add(`+ ${label}`, { calibrate, calibrationStages: stages });
  }
  const all = rows.at(-1);
  for (const [label, parts] of PARTS) {
    const without = { ...ALL_STAGES, ...Object.fromEntries(parts.map((part) => [part, false])) };
    await add(`all but ${label}`, { calibrate, calibrationStages: without }, all);
  }
  await add('noise in place of samples', { calibrate: noiseCalibration({ samples: data.count, preparation }) }, all);
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
async function atDivergence(net, options, testSet, reference) {
  const tried = [];
  let quality = 80;
  for (let attempt = 0; attempt < 6; attempt++) {
    const started = performance.now();
    const model = await readOnnxFile(pathOf(net));
    const { bytes } = await convert(model, { quality, evaluate: onnxruntimeEvaluate, ...options });
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
