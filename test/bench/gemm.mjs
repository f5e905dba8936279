/**
 * How near do matrix product and convolution come to what the machine can do? Floating-point operations per second on shapes
 * of common networks, and their share of what a loop of nothing but multiplications and additions reaches.
 */
import asc from 'assemblyscript/asc';
import { convScratch, depthwiseScratch, matmulScratch } from '../../dist/runtime/kernels/scratch.js';
import { hasRelaxedSimd, wasmKernels } from '../../dist/runtime/wasm/instantiate.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, inTurn } from './measure.mjs';

const SCRATCH = { conv: convScratch, depthwise: depthwiseScratch, matmul: matmulScratch };
const PAGES = 4096;
const PEAK_ROUNDS = 1e5;
const PEAK_FLOPS = PEAK_ROUNDS * 16 * 4;
const names = (letter) => Array.from({ length: 8 }, (_, index) => `${letter}${index}`);
/** Sixteen operations a round that wait for nothing: eight products, and two sums in each of four chains. */
const PEAK = `export function peak(rounds: i32): f32 {
  const y = f32x4.splat(1);
  let ${[...names('m'), ...names('s').slice(0, 4)].map((name) => `${name} = y`).join(', ')};
  for (let round = 0; round < rounds; round++) {
    ${names('m')
      .map((name, index) => `${name} = f32x4.mul(${name}, y); s${index % 4} = f32x4.add(s${index % 4}, y);`)
      .join('\n    ')}
  }
  let sum = y;
  ${[...names('m'), ...names('s').slice(0, 4)].map((name) => `sum = f32x4.add(sum, ${name});`).join('\n  ')}
  return f32x4.extract_lane(sum, 0);
}`;

/** A square convolution as CONV_… words; `groups` above 1 are depthwise. */
function square(groups, channels, size, filters, kernel, stride) {
  const pad = kernel >> 1;
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  return [...[1, groups, channels, size, size, filters, out, out], ...[kernel, kernel, stride, stride, 1, 1, pad, pad]];
}

/** MATMUL_… words of (rows × depth) · (depth × columns), packed or not. */
function product(batches, rows, depth, columns, isPacked) {
  const offsets = Array.from({ length: batches }, (_, batch) => [batch * rows * depth, batch * depth * columns]);
  return [rows, columns, depth, batches, depth, 1, columns, 1, Number(isPacked), 0, 0, ...offsets.flat()];
}

const SHAPES = [
  ['matrices 512', 'matmul', product(1, 512, 512, 512, true)],
  ['attention, 6 heads of 50×32', 'matmul', product(6, 50, 32, 50, false)],
  ['vector · 4096×1000', 'matmul', product(1, 1, 4096, 1000, true)],
  ['ResNet-20: 3×3, 16→16, 32²', 'conv', square(1, 16, 32, 16, 3, 1)],
  ['ResNet-20: 3×3, 64→64, 8²', 'conv', square(1, 64, 8, 64, 3, 1)],
  ['ESPCN: 3×3, 64→32, 224²', 'conv', square(1, 64, 224, 32, 3, 1)],
  ['style: 9×9, 16→3, 720²', 'conv', square(1, 16, 720, 3, 9, 1)],
  ['MobileNetV2: 3×3 / 2, 3→32, 224²', 'conv', square(1, 3, 224, 32, 3, 2)],
  ['MobileNetV2: 1×1, 16→96, 112²', 'conv', square(1, 16, 112, 96, 1, 1)],
  ['MobileNetV2: 1×1, 160→960, 7²', 'conv', square(1, 160, 7, 960, 1, 1)],
  ['MobileNetV2: depthwise 3×3, 144, 56²', 'depthwise', square(144, 1, 56, 1, 3, 1)],
  ['MobileNetV2: depthwise 3×3, 960, 7²', 'depthwise', square(960, 1, 7, 1, 3, 1)],
  ['YOLOX-nano: depthwise 5×5, 64, 52²', 'depthwise', square(64, 1, 52, 1, 5, 1)],
];

function operationsOf(kernel, words) {
  if (kernel === 'matmul') return 2 * words[0] * words[1] * words[2] * words[3];
  const [batches, groups, channels, , , filters, outHeight, outWidth, kernelHeight, kernelWidth] = words;
  return 2 * batches * groups * channels * filters * outHeight * outWidth * kernelHeight * kernelWidth;
}

/** The kernels of one build by shape, as functions to time; operands are whatever lies in memory. */
async function contestants(relaxed) {
  const memory = new WebAssembly.Memory({ initial: PAGES });
  const { kernels, heapBase } = await wasmKernels(memory, { relaxed });
  new Float32Array(memory.buffer).fill(0.01, heapBase / 4);
  const table = heapBase;
  const [weights, x, y, free] = [1, 5, 9, 13].map((part) => (part * PAGES * 65536) / 16);
  const infinite = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return SHAPES.map(([, kernel, words]) => {
    const bytes = SCRATCH[kernel](words);
    if (free + bytes > PAGES * 65536) throw new RangeError(`${kernel} needs ${bytes} bytes of scratch`);
    return () => {
      new Int32Array(memory.buffer, table, words.length).set(words);
      kernels[kernel](table, x, weights, 0, y, ...infinite, 0, 0, 0, 0, free);
    };
  });
}

async function peakOf() {
  let binary;
  const { error } = await asc.main(
    ['peak.ts', '-O3', '--runtime', 'stub', '--enable', 'simd', '--outFile', 'peak.wasm'],
    {
      readFile: (name) => (name === 'peak.ts' ? PEAK : null),
      writeFile: (_, contents) => {
        binary = contents;
      },
    },
  );
  if (error) throw error;
  const { instance } = await WebAssembly.instantiate(binary);
  return () => instance.exports.peak(PEAK_ROUNDS);
}

/** Prints the figures. */
export async function run(runs) {
  const peak = await peakOf();
  const builds = {
    SIMD: await contestants(false),
    ...(hasRelaxedSimd() && { 'relaxed SIMD': await contestants(true) }),
  };
  // Engines compile anew what runs often: wait for that.
  const all = [peak, ...Object.values(builds).flat()];
  for (const each of [...all, ...all]) each();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const limit = PEAK_FLOPS / inTurn({ peak }, 20 * runs).get('peak');
  console.log(`## Matrix products\n\nLimit of one thread: ${(limit / 1e9).toFixed(1)} GFLOP/s\n`);
  const columns = Object.keys(builds).flatMap((name) => [name, 'GFLOP/s', 'of the limit']);
  const rows = SHAPES.map(([name, kernel, words], index) => {
    const peers = Object.fromEntries(Object.entries(builds).map(([build, shapes]) => [build, shapes[index]]));
    const cells = [...inTurn(peers, 15 * runs).values()].flatMap((seconds) => {
      const speed = operationsOf(kernel, words) / seconds;
      return [duration(seconds), (speed / 1e9).toFixed(1), `${((100 * speed) / limit).toFixed(0)} %`];
    });
    return [name, ...cells];
  });
  console.log(markdownTable(['shape', ...columns], rows));
}
