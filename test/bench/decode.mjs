/**
 * How fast `.fqz` files are decoded on one thread, in plain JavaScript and by the runtime's WebAssembly, against inflating the same
 * weights from gzip. Files calibrated at the sizes that the README quotes come first.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { convert, onnxruntimeCalibration, onnxruntimeEvaluate, readOnnxFile } from 'fqz';
import { decodeFqz } from 'fqz/runtime/full';
import { openFqz, plainRuns } from '../../dist/formats/fqz/read.js';
import { wasmMachine } from '../../dist/runtime/machine.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, inTurn } from './measure.mjs';
import { isHere, netsNamed, pathOf, picturesFor } from './trained-nets.mjs';

/** Nets, the quality of their files, and whether those are calibrated. */
const FILES = [
  { name: 'LeNet-5', quality: 70, calibrated: true },
  { name: 'ResNet-20', quality: 76, calibrated: true },
  { name: 'SqueezeNet', quality: 80, calibrated: true },
  { name: 'YOLOX-nano', quality: 90 },
  { name: 'MobileNetV2', quality: 90 },
];
const ROUNDS = 7;
/** Million weights a second. */
const WANTED = 20;

async function fileOf(net, { quality, calibrated }) {
  const { samples } = await picturesFor(net);
  const { preparation, data } = net;
  const calibrate = calibrated && onnxruntimeCalibration(samples, { samples: data.count, preparation });
  const model = await readOnnxFile(pathOf(net));
  return convert(model, { quality, evaluate: onnxruntimeEvaluate, ...(calibrate && { calibrate }) });
}

async function rowOf(net, file, wasm) {
  const { bytes } = await fileOf(net, file);
  const decoded = decodeFqz(bytes);
  const floats = [...decoded.weights].flatMap(([name, weight]) => ('network' in weight ? [name] : []));
  const rebuilt = floats.map((name) => decoded.weight(name));
  const elements = rebuilt.reduce((sum, { length }) => sum + length, 0);
  const zipped = gzipSync(Buffer.concat(rebuilt.map(({ buffer }) => new Uint8Array(buffer))));
  const decode = (runs) => () => {
    for (const _ of openFqz(bytes).weights(runs));
  };
  const times = inTurn(
    {
      plain: decode(plainRuns),
      wasm: decode(wasm.runs),
      rebuild: () => {
        for (const name of floats) decoded.weight(name);
      },
      gzip: () => gunzipSync(zipped),
    },
    ROUNDS,
  );
  const [plain, fast, rebuild, gzip] = ['plain', 'wasm', 'rebuild', 'gzip'].map((name) => times.get(name));
  const speed = (seconds) => elements / seconds / 1e6;
  const cells = [
    `${net.name}, quality ${file.quality}${file.calibrated ? ', calibrated' : ''}`,
    elements.toLocaleString('en'),
    bytes.length.toLocaleString('en'),
    duration(plain),
    speed(plain).toFixed(1),
    duration(fast),
    speed(fast).toFixed(1),
    duration(rebuild),
    zipped.length.toLocaleString('en'),
    duration(gzip),
  ];
  return { cells, seconds: fast, speed: speed(fast) };
}

/** Prints the figures, or why there are none. */
export async function run(_, { net: part }) {
  console.log('## Decoding\n');
  const wanted = new Set(netsNamed(part));
  const wasm = await wasmMachine();
  const rows = new Map();
  for (const file of FILES) {
    const [net] = netsNamed(file.name);
    if (!wanted.has(net)) continue;
    if (isHere(net)) rows.set(net.name, await rowOf(net, file, wasm));
    else console.log(`${net.name} skipped: no ${pathOf(net)}, or no data for it\n`);
  }
  if (rows.size === 0) return;
  const titles = ['file', 'weights', '.fqz', 'plain JS', 'M/s', 'WASM', 'M/s', 'rebuilding', 'gzip', 'gunzip'];
  console.log(
    markdownTable(
      titles,
      [...rows.values()].map(({ cells }) => cells),
    ),
  );
  const slowest = Math.min(...[...rows.values()].map(({ speed }) => speed));
  console.log(
    `\nMillion weights a second, one thread; wanted are ${WANTED}, the slowest file has ${slowest.toFixed(1)}.`,
  );
  const resnet = rows.get('ResNet-20');
  if (resnet) {
    console.log(
      `NNCodec's published time for ResNet-20 is 0.016 s, on another machine; here it is ${duration(resnet.seconds)}.`,
    );
  }
}
