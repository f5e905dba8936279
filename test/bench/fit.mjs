/**
 * Training steps of LeNet-5 at batch 128: dense, and as a student of 776 coefficients, beside the dense model's forward pass; all
 * in onnxruntime-node.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { float32Tensor, onnxruntimeExecute, readOnnxFile } from 'fqz';
import { parameterize } from '../../dist/src/fit/parameterize.js';
import { coreOf } from '../../dist/src/fit/quantization.js';
import { randomStream } from '../../dist/src/fit/random.js';
import { buildTrainingGraph } from '../../dist/src/fit/training-graph.js';
import { simplify } from '../../dist/src/graph/passes/simplify.js';
import { duration, median } from './measure.mjs';

const MODEL = fileURLToPath(new URL('../../../shared/models/onnx/lenet5-mnist.onnx', import.meta.url));
const BATCH = 128;
const ROUNDS = 25;

export async function run(runs) {
  if (!existsSync(MODEL)) {
    console.log('fit: skipped, there is no ../shared/models/onnx/lenet5-mnist.onnx');
    return;
  }
  const image = float32Tensor([BATCH, 1, 28, 28], Float32Array.from({ length: BATCH * 784 }, Math.random));
  const forward = await readOnnxFile(MODEL);
  await simplify(forward);
  const dense = await readOnnxFile(MODEL);
  await simplify(dense);
  const all = new Map([...dense.graph.initializers].map(([name, { data }]) => [name, data.length / 4]));
  const student = await readOnnxFile(MODEL);
  await simplify(student);
  const peers = {
    'dense forward pass': await opened(forward, new Map([['image', image]])),
    'dense training step': await training(dense, image, { coefficients: 431080, biases: true, allocation: all }),
    'step of 776 coefficients': await training(student, image, { coefficients: 776, biases: false }),
  };
  const seconds = new Map(Object.keys(peers).map((name) => [name, []]));
  for (let round = -1; round < ROUNDS * runs; round++) {
    for (const [name, step] of Object.entries(peers)) {
      const start = performance.now();
      await step();
      if (round >= 0) seconds.get(name).push((performance.now() - start) / 1000);
    }
  }
  const medians = new Map([...seconds].map(([name, values]) => [name, median(values)]));
  const unit = medians.get('dense forward pass');
  console.log(`fit: LeNet-5, batch ${BATCH}`);
  for (const [name, value] of medians) {
    console.log(`  ${name.padEnd(26)} ${duration(value).padStart(9)}  ${(value / unit).toFixed(2)} forward passes`);
  }
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

async function opened(model, feeds) {
  const session = await onnxruntimeExecute(model);
  return () => session.run(feeds);
}
