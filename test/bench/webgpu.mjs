/**
 * The runtime on WebGPU against onnxruntime-web's WebGPU backend, in one page of Chromium: time, dispatches and GPU memory of a run, and
 * tasks that block the page while a model is loaded. Peers run in turn.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, onnxruntimeEvaluate, readOnnxFile } from 'fqz';
import { chromium } from 'playwright';
import { openFqz } from '../../dist/formats/fqz/read.js';
import { CHROMIUM, CHROMIUM_ARGUMENTS } from '../../scripts/chromium.mjs';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, median } from './measure.mjs';
import { withUnet } from './unet-folder.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const MODELS = path('../../../shared/models/onnx');
const ORT = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-web')));
const PAGE = path('./webgpu-page.mjs');
const TYPES = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** What has to be reached: how many times as fast as the peer. */
const NETS = [
  {
    name: 'ResNet-20',
    file: 'cifar10-resnet20-akamaster',
    shape: [1, 3, 32, 32],
    rounds: 30,
    wanted: 1,
    options: { precision: 'lossless' },
  },
  { name: 'SqueezeNet', file: 'squeezenet-fp16-imagenet-winml', shape: [1, 3, 224, 224], rounds: 5 },
];
const UNET = { name: 'UNet, 640×959', shape: [1, 3, 640, 959], rounds: 1, wanted: 20 };

/** Prints the figures; false where something is not reached. */
export async function run(runs, { net }) {
  console.log('## WebGPU, beside onnxruntime-web on the same adapter\n');
  if (!existsSync(CHROMIUM)) {
    console.log(`Skipped: no Chromium at ${CHROMIUM}`);
    return true;
  }
  const rows = [];
  let good = true;
  const measure = async (chosen, file, onnx, external) => {
    const result = await inPage({ ...chosen, rounds: chosen.rounds * runs }, file, onnx, external);
    const { own, peer, longTasks, refusal, late } = result;
    const ratio = (peer ? median(peer.times) : late && 1000 * late.seconds) / median(own.times);
    const isReached = !ratio || chosen.wanted === undefined || ratio >= chosen.wanted;
    good &&= isReached && longTasks.every((ms) => ms <= 50);
    const { graph } = openFqz(file);
    const row = (label, { times, dispatches, bytes, loading }) =>
      rows.push([
        label,
        duration(loading / 1000),
        duration(median(times) / 1000),
        String(dispatches),
        bytes.toLocaleString('en'),
      ]);
    row(`${chosen.name}, fqz on ${result.adapter}`, own);
    if (peer) row(`${chosen.name}, onnxruntime-web`, peer);
    if (late)
      rows.push([
        `${chosen.name}, onnxruntime-web`,
        '',
        `> ${late.seconds} s`,
        String(late.dispatches),
        late.bytes.toLocaleString('en'),
      ]);
    const faster = `${late ? 'more than ' : ''}${ratio.toFixed(1)} times as fast as onnxruntime-web`;
    const against = [
      ...(ratio ? [`${faster}${isReached ? '' : ' (NOT REACHED)'}`] : []),
      peer ? `outputs differ by ${result.difference.toExponential(1)}` : `which has no result: ${refusal.slice(-80)}`,
    ].join(', ');
    console.log(
      `${chosen.name}: ${against}; ${graph.model.graph.nodes.length} operators in ${own.dispatches} dispatches; ` +
        `long tasks while loading: ${longTasks.map((ms) => `${ms} ms`).join(', ') || 'none'}`,
    );
  };
  for (const chosen of NETS.filter(({ name }) => name.toLowerCase().startsWith((net ?? '').toLowerCase()))) {
    const onnx = `${MODELS}/${chosen.file}.onnx`;
    if (!existsSync(onnx)) console.log(`${chosen.name} skipped: no ${onnx}`);
    else await measure(chosen, await fileOf(onnx, chosen.options), onnx);
  }
  if ('unet'.startsWith((net ?? '').toLowerCase())) {
    await withUnet(async (folder) => {
      const onnx = join(folder, 'model.onnx');
      await measure(UNET, await fileOf(onnx), onnx, join(folder, 'weights.bin'));
      return true;
    });
  }
  console.log(`\n${markdownTable(['', 'load and first run', 'a run', 'dispatches', 'bytes on the GPU'], rows)}`);
  return good;
}

async function fileOf(onnx, options) {
  const { bytes } = await convert(await readOnnxFile(onnx), { evaluate: onnxruntimeEvaluate, ...options });
  return bytes;
}

/** What the page finds: see webgpu-page.mjs. */
async function inPage(options, file, onnx, external) {
  const files = {
    '/model.fqz': file,
    '/model.onnx': readFileSync(onnx),
    ...(external && { '/weights.bin': readFileSync(external) }),
  };
  const server = createServer(({ url }, response) => {
    const name = url.split('?')[0];
    const found = name === '/' ? '<!doctype html><title>bench</title>' : (files[name] ?? read(name));
    response.writeHead(found ? 200 : 404, {
      'content-type': TYPES[extname(name) || '.html'] ?? 'application/octet-stream',
    });
    response.end(found);
  });
  await new Promise((resolve) => server.listen(0, resolve));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`http://localhost:${server.address().port}/`);
    return await page.evaluate(async (given) => (await import('/page.mjs')).measure(given), {
      ...options,
      external: external !== undefined,
    });
  } finally {
    await browser.close();
    server.close();
  }
}

function read(name) {
  if (name === '/page.mjs') return readFileSync(PAGE);
  const file = name.startsWith('/ort/') ? join(ORT, name.slice(5)) : path(`../../dist${name}`);
  return existsSync(file) ? readFileSync(file) : undefined;
}
