/**
 * Training steps of LeNet-5 at batch 128: dense, and as a student of 776 coefficients, beside the dense model's forward pass, in
 * onnxruntime-node; and the dense ones in PyTorch, where it is installed (Debian's python3-torch). All on one thread, whose CPU time
 * tells what a step costs even while the machine does other work.
 */
import { existsSync } from 'node:fs';
import { float32Tensor, openOnnx, readOnnxFile, writeOnnx } from 'fqz';
import { parameterize } from '../../dist/src/fit/parameterize.js';
import { coreOf } from '../../dist/src/fit/quantization.js';
import { randomStream } from '../../dist/src/fit/random.js';
import { buildTrainingGraph } from '../../dist/src/fit/training-graph.js';
import { simplify } from '../../dist/src/graph/passes/simplify.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, median } from './measure.mjs';
import { openTorch } from './torch-peer.mjs';
import { shared } from './trained-nets.mjs';

const MODEL = shared('models/onnx/lenet5-mnist.onnx');
const BATCH = 128;
const ROUNDS = 25;
const THREADS = 1;
/** A step of the dense model costs at most so many of its forward passes. */
const MOST_PASSES = 4;

/** Prints the table; false where a step costs more than it should. */
export async function run(runs) {
  if (!existsSync(MODEL)) {
    console.log(`fit: skipped, there is no ${MODEL}`);
    return true;
  }
  const image = float32Tensor([BATCH, 1, 28, 28], Float32Array.from({ length: BATCH * 784 }, Math.random));
  const lenet = async () => {
    const model = await readOnnxFile(MODEL);
    await simplify(model);
    return model;
  };
  const dense = await lenet();
  const all = new Map([...dense.graph.initializers].map(([name, { data }]) => [name, data.length / 4]));
  const peers = {
    'dense forward pass': await opened(await lenet(), new Map([['image', image]])),
    'dense training step': await training(dense, image, { coefficients: 431080, biases: true, allocation: all }),
    'step of 776 coefficients': await training(await lenet(), image, { coefficients: 776, biases: false }),
  };
  const torch = await openTorch(BATCH, THREADS);
  if (torch) {
    peers['PyTorch, dense forward pass'] = () => torch.run('forward');
    peers['PyTorch, dense training step'] = () => torch.run('step');
  }
  const taken = new Map(Object.keys(peers).map((name) => [name, []]));
  for (let round = -2; round < ROUNDS * runs; round++) {
    for (const [name, step] of Object.entries(peers)) {
      const seconds = await step();
      if (round >= 0) taken.get(name).push(seconds);
    }
  }
  torch?.close();

  console.log(`## LeNet-5, batch ${BATCH}, one thread, ${torch?.version ?? 'PyTorch skipped: it is not here'}\n`);
  const [forward] = taken.values();
  // Ratios of each round, since what else the machine does hits a whole round.
  const passes = (own, of, clock) => median(own.map((seconds, round) => seconds[clock] / of[round][clock]));
  const rows = [...taken].map(([name, own]) => [
    name,
    ...['wall', 'cpu'].flatMap((clock) => [
      duration(median(own.map((seconds) => seconds[clock]))),
      passes(own, forward, clock).toFixed(2),
    ]),
  ]);
  console.log(markdownTable(['', 'time', 'forward passes', 'CPU time', 'forward passes'], rows));
  const step = taken.get('dense training step');
  return passes(step, forward, 'cpu') <= MOST_PASSES && passes(taken.get('step of 776 coefficients'), step, 'cpu') < 1;
}

async function training(model, image, options) {
  const parameters = parameterize(model, { start: 'fresh', random: randomStream(1), ...options });
  const terms = [{ kind: 'cross-entropy', output: 'logits', shape: [BATCH, 10], weight: 1 }];
  const graph = buildTrainingGraph(model, parameters, terms, new Map([['image', image.shape]]));
  const feeds = new Map([['image', image]]);
  parameters.forEach((parameter, at) => {
    feeds.set(graph.cores[at], float32Tensor(parameter.box, coreOf(parameter, false)));
  });
  feeds.set(graph.targets[0].name, float32Tensor([BATCH, 10], new Float32Array(BATCH * 10).fill(0.1)));
  return opened(graph.model, feeds);
}

/** What runs `model` once, and returns the seconds that it took, by the clock and of CPU time. */
async function opened(model, feeds) {
  const session = await openOnnx(writeOnnx(model), { threads: THREADS });
  return async () => {
    const [start, before] = [performance.now(), process.cpuUsage()];
    await session.run(feeds);
    const { user, system } = process.cpuUsage(before);
    return { wall: (performance.now() - start) / 1e3, cpu: (user + system) / 1e6 };
  };
}
