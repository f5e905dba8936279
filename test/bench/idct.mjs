/**
 * How fast dense weights are rebuilt: the paper's UNet, 31 million weights from a file of about a kilobyte, against writing as many
 * bytes to the same memory.
 */
import { join } from 'node:path';
import { convert, onnxruntimeEvaluate, readOnnxFile } from 'fqz';
import { openFqz } from '../../dist/formats/fqz/read.js';
import { wasmMachine } from '../../dist/runtime/machine.js';
import { layoutWords } from '../../dist/runtime/plan/weight-layout.js';
import { SCRATCH_BYTES } from '../../dist/runtime/sink.js';
import { placeWeight } from '../../dist/runtime/weights.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, inTurn } from './measure.mjs';
import { withUnet } from './unet-folder.mjs';

/** What has to be reached: rebuilding takes at most so many times as long as writing. */
const WANTED = 3;
const ROUNDS = 9;

const product = (shape) => shape.reduce((all, size) => all * size, 1);

/** The layouts of a weight as the left factor of a convolution: as it is, and in panels. */
const LAYOUTS = {
  'row-major': () => ({ side: 'plain' }),
  'in panels': ([rows, ...rest]) => {
    const columns = product(rest);
    return { side: 'rows', batches: 1, batchStride: 0, rowStride: columns, columnStride: 1, rows, columns };
  },
};

/** Prints the figures; `false` where they miss what is wanted. */
export async function run() {
  console.log('## Rebuilding dense weights\n');
  return withUnet(async (folder) => {
    const model = await readOnnxFile(join(folder, 'model.onnx'));
    return compare((await convert(model, { evaluate: onnxruntimeEvaluate })).bytes);
  });
}

async function compare(bytes) {
  const machine = await wasmMachine();
  const weights = [...openFqz(bytes).weights(machine.runs)].filter((weight) => 'network' in weight);
  const scratch = machine.base;
  const start = scratch + SCRATCH_BYTES;
  const places = (layoutOf) => {
    let at = start;
    return weights.map((weight) => {
      const layout = layoutOf(weight.shape);
      const place = { weight, layout, pointer: at };
      at += Math.ceil(layoutWords(layout, product(weight.shape)) / 4) * 16;
      return place;
    });
  };
  const elements = weights.reduce((sum, { shape }) => sum + product(shape), 0);
  machine.reserve(start + 5 * elements);
  const { memory, kernels } = machine;
  const rebuild = (layoutOf) => () => {
    for (const { weight, layout, pointer } of places(layoutOf)) {
      placeWeight({ memory, kernels, scratch }, pointer, weight, layout);
    }
  };
  const layouts = Object.entries(LAYOUTS).map(([name, layoutOf]) => [name, rebuild(layoutOf)]);
  const write = () => memory.floats.fill(0.5, start / 4, start / 4 + elements);
  const times = inTurn({ write, ...Object.fromEntries(layouts) }, ROUNDS);
  const rows = [...times].map(([name, seconds]) => [
    name === 'write' ? 'written with one number' : `rebuilt ${name}`,
    duration(seconds),
    `${((4 * elements) / seconds / 1e9).toFixed(1)} GB/s`,
    name === 'write' ? '' : `${(seconds / times.get('write')).toFixed(2)} ×`,
  ]);
  console.log(`${weights.length} weights, ${(4e-6 * elements).toFixed(0)} MB, from ${bytes.length} bytes\n`);
  console.log(markdownTable(['', 'time', 'speed', 'of writing'], rows));
  const good = layouts.every(([name]) => times.get(name) <= WANTED * times.get('write'));
  console.log(`\nAt most ${WANTED} times as long as writing: ${good ? 'reached' : 'NOT REACHED'}.`);
  return good;
}
