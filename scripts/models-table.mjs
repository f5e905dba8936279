/**
 * Converts every model of the shared folder beside the repository, and prints one Markdown table: sizes at quality 90,
 * and for fp16 and lossless how far the unpacked model's outputs are from the original's on seeded inputs.
 * Exits with 1 where an error is past its limit. Arguments, if any, choose models by parts of their names.
 *
 *     npm run models [-- NAME …]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, onnxruntimeEvaluate, openOnnx, readFqz, readOnnxFile, unpack, verify, writeOnnx } from 'fqz';
import { uniformNoise } from '../dist/src/data/noise.js';
import { markdownTable } from './markdown-table.mjs';

const FOLDER = fileURLToPath(new URL('../../shared/models/onnx', import.meta.url));

/** ‖a − b‖ / ‖b‖ that an output may have. */
const LIMITS = { fp16: 1e-2, lossless: 1e-4 };

const normal = (uniform) => () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
const between = (low, high) => (uniform) => () => low + (high - low) * uniform();

/**
 * What each model expects to see, by a part of its name. The range matters: a detector's outputs on noise near zero can
 * turn on the last bit of a weight, and say nothing of how it does its job.
 */
const INPUTS = [
  ['cifar10-resnet20', normal],
  ['darknet', between(0, 1)],
  ['mlperf-tiny-resnet8', between(0, 255)],
  ['lenet5', normal],
  ['mnist-ort-examples', between(0, 255)],
  ['mnist-vit', normal],
  ['mobilenetv2', between(0, 1)],
  ['squeezenet', between(-128, 128)],
  ['style-candy', between(0, 255)],
  ['superres-espcn', between(0, 1)],
  ['ultraface', between(-1, 1)],
  ['yolox', between(0, 255)],
];

/** Two, because one of the models has two samples to a batch whatever it declares. */
const SAMPLES = 2;
/** Size of an image whose height and width the model leaves open. */
const OPEN_SIZE = 64;
const SEED = 1;

/** Seeded samples for every input of an open model. */
function seededInputs(name, session) {
  const [, range = normal] = INPUTS.find(([part]) => name.includes(part)) ?? [];
  const next = range(uniformNoise(SEED));
  const arrays = new Map(
    session.inputs.map((input) => {
      const sizes = input.shape.slice(1).map((size) => (typeof size === 'number' ? size : OPEN_SIZE));
      const shape = [SAMPLES, ...sizes];
      const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, next);
      return [input.name, { dtype: 'float32', shape, data: new Uint8Array(values.buffer) }];
    }),
  );
  return { kind: 'arrays', name: 'seeded inputs', count: SAMPLES, arrays };
}

/** The worst error of all outputs of the file in `bytes`, as both measures have it. */
async function errorsOf(name, bytes, original) {
  const session = await openOnnx(writeOnnx(unpack(readFqz(bytes))));
  try {
    const { outputs } = await verify(session, original, { dataset: seededInputs(name, original) });
    const worst = (measure) => Math.max(...outputs.map((output) => output[measure]));
    return { max: worst('maxRelativeError'), norm: worst('rmsRelativeError') };
  } finally {
    await session.release();
  }
}

const integer = (value) => value.toLocaleString('en');
const error = (value) => (value === 0 ? '0' : value.toExponential(1));

const COLUMNS = [
  'model',
  'parameters',
  'fp32 bytes',
  'quality 90',
  'of it graph',
  'ratio',
  'fp16',
  'max error',
  'norm error',
  'lossless',
  'max error',
  'norm error',
];

async function rowOf(file) {
  const path = join(FOLDER, file);
  const converted = async (options) => convert(await readOnnxFile(path), { ...options, evaluate: onnxruntimeEvaluate });
  const original = await openOnnx(new Uint8Array(readFileSync(path)));
  try {
    const { report } = await converted({ quality: 90 });
    const cells = [
      file.replace(/\.onnx$/, ''),
      integer(report.parameters),
      integer(report.weightBytesFp32),
      integer(report.output.bytes),
      integer(report.output.graphBytes),
      (report.weightBytesFp32 / report.output.bytes).toFixed(2),
    ];
    let good = true;
    for (const [precision, limit] of Object.entries(LIMITS)) {
      const { bytes } = await converted({ precision });
      const { max, norm } = await errorsOf(file, bytes, original);
      good &&= norm <= limit;
      cells.push(integer(bytes.length), error(max), norm <= limit ? error(norm) : `**${error(norm)}**`);
    }
    return { cells, good };
  } finally {
    await original.release();
  }
}

if (!existsSync(FOLDER)) {
  console.log('The models are not here: this table is made of those in ../shared/models/onnx. Nothing to do.');
  process.exit(0);
}
const chosen = process.argv.slice(2);
const files = readdirSync(FOLDER).filter(
  (file) => file.endsWith('.onnx') && (chosen.length === 0 || chosen.some((part) => file.includes(part))),
);
const rows = [];
for (const file of files) {
  if (process.stderr.isTTY) process.stderr.write(`${file}\n`);
  rows.push(await rowOf(file));
}
console.log(
  markdownTable(
    COLUMNS,
    rows.map(({ cells }) => cells),
  ),
);
console.log(
  `\nBytes of .fqz files, graph included; ratio: fp32 bytes over bytes at quality 90. Errors of the unpacked model's\n` +
    `outputs against the original's, worst output, ${SAMPLES} seeded samples: max |a − b| / max |b| and ‖a − b‖ / ‖b‖,\n` +
    `which must be at most ${LIMITS.fp16} with fp16 and ${LIMITS.lossless} with lossless.`,
);
if (rows.some(({ good }) => !good)) {
  console.error('An error is past its limit.');
  process.exitCode = 1;
}
