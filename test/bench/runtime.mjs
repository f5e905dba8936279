/**
 * The runtime against onnxruntime-web's WebAssembly with one thread: the paper's UNet, LeNet-5 from its bytes to its first output, and
 * ordinary nets with dense weights. Peers run in turn, in processes of the same kind or in the same process.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, evaluate, onnxruntimeEvaluate, openDataset, readOnnxFile } from 'fqz';
import { load, tensor } from 'fqz/runtime';
import * as ort from 'onnxruntime-web';
import sharp from 'sharp';
import { openInRuntime } from '../../dist/src/cli/open-in-runtime.js';
import { uniformNoise } from '../../dist/src/data/noise.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { lenet776 } from './lenet-776.mjs';
import { duration, median } from './measure.mjs';
import { withUnet } from './unet-folder.mjs';

const PEER = fileURLToPath(new URL('./runtime-peer.mjs', import.meta.url));
const MODELS = fileURLToPath(new URL('../../../shared/models/onnx', import.meta.url));
const IMAGES = fileURLToPath(new URL('../../../shared/models/unet-759', import.meta.url));

/** What has to be reached. */
const WANTED = { unet: 50, memory: 8, pixels: 0.999, width: 2, dice: 0.01, start: 20, mean: 1, least: 0.6 };

/** Milliseconds until the engine has optimised what is called often. */
const WARM_UP = 1000;

const UNET_SHAPE = [1, 3, 640, 959];

/** Ordinary nets, and the sizes of their inputs. */
const NETS = {
  'cifar10-resnet20-akamaster': [1, 3, 32, 32],
  'squeezenet-fp16-imagenet-winml': [1, 3, 224, 224],
  'mobilenetv2-nsfwjs-keras3export': [1, 224, 224, 3],
  'darknet-tiny-imagenet-ml5': [1, 3, 224, 224],
  'ultraface-version-RFB-320': [1, 3, 240, 320],
  'yolox-nano': [1, 3, 416, 416],
  'superres-espcn-core': [1, 1, 224, 224],
  'style-candy-winml': [1, 3, 720, 720],
  'mnist-vit-6l-researchase': [1, 1, 28, 28],
};

const noise = (shape) => {
  const next = uniformNoise(1);
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, next);
};
const verdict = (good) => (good ? 'reached' : 'NOT REACHED');
const fileOf = async (path, options = {}) => {
  const model = await readOnnxFile(path);
  return (await convert(model, { evaluate: onnxruntimeEvaluate, ...options })).bytes;
};

/** A folder to work in, for as long as `use` takes. */
async function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'fqz-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(peer, file, input, { runs = 0, width = 1, out = '-' } = {}) {
  const output = execFileSync(process.execPath, [PEER, peer, file, String(runs), String(width), out, input], {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

function writeInput(path, shape) {
  writeFileSync(
    path,
    Buffer.concat([Buffer.from(Int32Array.from([shape.length, ...shape]).buffer), Buffer.from(noise(shape).buffer)]),
  );
}

/** Pixels of a (1, 2, H, W) output of which the same class is the larger one, as a share. */
function samePixels(a, b) {
  const planes = (path) => {
    const bytes = readFileSync(path);
    return new Float32Array(bytes.buffer, bytes.byteOffset + 20);
  };
  const [p, q] = [planes(a), planes(b)];
  const pixels = p.length / 2;
  let same = 0;
  for (let at = 0; at < pixels; at++) same += p[at] < p[pixels + at] === q[at] < q[pixels + at] ? 1 : 0;
  return same / pixels;
}

async function unet(runs) {
  console.log('### UNet of 759 coefficients, 640×959\n');
  return withUnet(async (folder, work) => {
    const source = join(folder, 'model.onnx');
    const [file, exact, input] = ['unet.fqz', 'exact.fqz', 'input'].map((name) => join(work, name));
    const bytes = await fileOf(source);
    writeFileSync(file, bytes);
    // The coefficients as they are, so that the masks can be those of the original.
    writeFileSync(exact, await fileOf(source, { precision: 'fp16' }));
    writeInput(input, UNET_SHAPE, await photograph());
    const peers = [
      { name: 'onnxruntime-web', peer: 'onnxruntime', file: source, settings: { runs: 1 } },
      { name: 'fqz', peer: 'fqz', file, settings: { runs: 9 } },
      { name: 'fqz, --precision fp16', peer: 'fqz', file: exact, settings: { runs: 9 } },
      { name: 'fqz, width 0.25', peer: 'fqz', file, settings: { runs: 9, width: 0.25 } },
    ];
    const results = peers.map(() => []);
    for (let round = 0; round < runs; round++) {
      peers.forEach(({ peer, file: own, settings }, at) => {
        results[at].push(measure(peer, own, input, { ...settings, out: join(work, `out${at}`) }));
      });
    }
    const seconds = results.map((all) => median(all.flatMap((one) => one.seconds)));
    const memory = results.map((all) => Math.max(...all.map((one) => one.memory)));
    const dice = [await diceOf(bytes, 1), await diceOf(readFileSync(exact), 1), await diceOf(bytes, 0.25)];
    const narrow = await gainOfWidth(bytes, 0.25);
    const rows = peers.map(({ name }, at) => [
      name,
      duration(seconds[at]),
      `${(seconds[0] / seconds[at]).toFixed(1)} ×`,
      `${(memory[at] / 1e6).toFixed(0)} MB`,
      `1/${(memory[0] / memory[at]).toFixed(1)}`,
      at ? `${(100 * samePixels(join(work, 'out0'), join(work, `out${at}`))).toFixed(3)} %` : '',
      at ? dice[at - 1].toFixed(5) : '',
    ]);
    console.log(
      markdownTable(
        ['peer', 'run', 'faster', 'memory of the process', 'of the peer', 'same pixels', 'mean Dice of 8 images'],
        rows,
      ),
    );
    const good =
      seconds[0] / seconds[1] >= WANTED.unet &&
      memory[0] / memory[1] >= WANTED.memory &&
      samePixels(join(work, 'out0'), join(work, 'out2')) >= WANTED.pixels &&
      narrow >= WANTED.width &&
      Math.abs(dice[0] - dice[2]) <= WANTED.dice;
    console.log(
      `\n${bytes.length} bytes. Width 0.25 is ${narrow.toFixed(2)} × faster again. Wanted: ${WANTED.unet} ×, 1/${WANTED.memory}, ${100 * WANTED.pixels} %, ${WANTED.width} ×, Dice within ${WANTED.dice}: ${verdict(good)}.\n`,
    );
    return good;
  });
}

/** The first of the sample photographs, red, green and blue from 0 to 1. */
async function photograph() {
  const [, , height, width] = UNET_SHAPE;
  const [name] = readdirSync(join(IMAGES, 'images')).sort();
  const pixels = await sharp(join(IMAGES, 'images', name))
    .removeAlpha()
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  const plane = height * width;
  return Float32Array.from({ length: 3 * plane }, (_, at) => pixels[3 * (at % plane) + Math.floor(at / plane)] / 255);
}

/** How much faster a narrowed model is: the median ratio of runs in turn, in one process. */
async function gainOfWidth(bytes, width) {
  const sessions = [await load(bytes), await load(bytes, { width })];
  const image = tensor(await photograph(), UNET_SHAPE);
  const ratios = [];
  for (let round = -2; round < 15; round++) {
    const times = [];
    for (const session of sessions) {
      const begin = performance.now();
      await session.run({ image });
      times.push(performance.now() - begin);
    }
    if (round >= 0) ratios.push(times[0] / times[1]);
  }
  for (const session of sessions) session.dispose();
  return median(ratios);
}

async function diceOf(bytes, width) {
  const { session, preparation } = await openInRuntime(bytes, { width });
  const dataset = await openDataset(`segmentation:${IMAGES}/images,${IMAGES}/masks`);
  const { value } = await evaluate(session, dataset, { ...(preparation && { preparation }) });
  await session.release();
  return value;
}

async function start(rounds) {
  console.log('### LeNet-5 from bytes in memory to the first output\n');
  const source = join(MODELS, 'lenet5-mnist.onnx');
  return withFolder(async (work) => {
    const input = join(work, 'input');
    writeInput(input, [1, 1, 28, 28]);
    const files = {
      '776 coefficients': () => lenet776(source),
      'quality 90': () => fileOf(source),
      'target size 50000': () => fileOf(source, { targetSize: 50000 }),
    };
    const rows = [];
    let good = true;
    for (const [name, make] of Object.entries(files)) {
      const file = join(work, 'lenet.fqz');
      const bytes = await make();
      writeFileSync(file, bytes);
      const [ours, theirs] = [[], []];
      for (let round = 0; round < rounds; round++) {
        theirs.push(measure('onnxruntime', source, input, { runs: 200 }));
        ours.push(measure('fqz', file, input, { runs: 200 }));
      }
      const first = [theirs, ours].map((all) => median(all.map((one) => one.first)));
      const steady = [theirs, ours].map((all) => median(all.flatMap((one) => one.seconds)));
      // A file of the kind that this project is for has to start so fast; one with all 431,080 weights has them to decode.
      if (name === '776 coefficients') good &&= first[0] / first[1] >= WANTED.start;
      good &&= steady[0] / steady[1] >= 1;
      rows.push([
        name,
        String(bytes.length),
        duration(first[0]),
        duration(first[1]),
        `${(first[0] / first[1]).toFixed(1)} ×`,
        duration(steady[0]),
        duration(steady[1]),
        `${(steady[0] / steady[1]).toFixed(2)} ×`,
      ]);
    }
    const columns = [
      'file',
      'bytes',
      'onnxruntime-web, first',
      'fqz, first',
      'faster',
      'onnxruntime-web, then',
      'fqz, then',
      'faster',
    ];
    console.log(markdownTable(columns, rows));
    console.log(
      `\nWanted: ${WANTED.start} × to the first output with 776 coefficients, and not slower then: ${verdict(good)}.\n`,
    );
    return good;
  });
}

async function nets(rounds) {
  console.log('### Ordinary nets, weights rebuilt dense\n');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const rows = [];
  const ratios = [];
  for (const [name, shape] of Object.entries(NETS)) {
    const path = join(MODELS, `${name}.onnx`);
    const ours = await load(await fileOf(path));
    const theirs = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)));
    const [{ name: input, dtype }] = ours.inputs;
    const elements = noise(shape);
    const feed = tensor(elements, shape, dtype);
    const given = { [theirs.inputNames[0]]: new ort.Tensor(dtype, feed.data, shape) };
    const seconds = [[], []];
    const isWarm = performance.now() + WARM_UP;
    for (let done = 0; done < rounds || performance.now() < isWarm; ) {
      const counts = performance.now() >= isWarm;
      for (const [at, run] of [() => theirs.run(given), () => ours.run({ [input]: feed })].entries()) {
        const begin = performance.now();
        await run();
        if (counts) seconds[at].push((performance.now() - begin) / 1000);
      }
      if (counts) done++;
    }
    const [peer, own] = seconds.map(median);
    ratios.push(peer / own);
    rows.push([name, duration(peer), duration(own), `${(peer / own).toFixed(2)} ×`]);
    ours.dispose();
    await theirs.release();
  }
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const good = mean >= WANTED.mean && Math.min(...ratios) >= WANTED.least;
  console.log(markdownTable(['model', 'onnxruntime-web', 'fqz', 'faster'], rows));
  console.log(
    `\nGeometric mean ${mean.toFixed(2)} ×, least ${Math.min(...ratios).toFixed(2)} ×. Wanted: ${WANTED.mean} ×, none below ${WANTED.least} ×: ${verdict(good)}.\n`,
  );
  return good;
}

/** Prints the figures; false where one of them is not what it must be. */
export async function run(runs) {
  console.log('## Runtime against onnxruntime-web, WebAssembly, one thread\n');
  if (!existsSync(MODELS) || readdirSync(MODELS).length === 0) {
    console.log('Skipped: the models in ../shared/models are not here.');
    return true;
  }
  const results = [await nets(10 + runs), await unet(runs), await start(4 + runs)];
  return results.every((good) => good);
}
