import { describe, expect, it } from 'vitest';
import { readOnnxFile } from '../../formats/onnx/file.ts';
import { type Attribute, type Model, type Node, node } from '../../src/graph/graph.ts';
import { normalizeOpset } from '../../src/graph/passes/normalize-opset.ts';
import { simplify } from '../../src/graph/passes/simplify.ts';
import { elementCount, float32Tensor, type NumericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { gradientErrors } from '../support/gradient-check.ts';
import { normal } from '../support/random.ts';
import { buildModel } from '../support/run-model.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';

type Feeds = ReadonlyMap<string, NumericTensor>;

const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const int = (value: number): Attribute => ({ type: 'int', value });

/** Normal values; those of weights small, as they are at the start of a training. */
function seeded(shapes: Readonly<Record<string, readonly number[]>>, seed: number): Map<string, NumericTensor> {
  const next = normal(seed);
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const scale = name.endsWith('weight') ? 1 / Math.sqrt(elementCount(shape.slice(1))) : 1;
      return [
        name,
        float32Tensor(
          shape,
          Float32Array.from({ length: elementCount(shape) }, () => next() * scale),
        ),
      ];
    }),
  );
}

const LENET5 = 'models/onnx/lenet5-mnist.onnx';
const PAIR = { kernel_shape: ints(2, 2), strides: ints(2, 2) };

const LENET_SHAPES = {
  image: [16, 1, 16, 16],
  'conv1.weight': [4, 1, 5, 5],
  'conv1.bias': [4],
  'conv2.weight': [6, 4, 3, 3],
  'conv2.bias': [6],
  'dense1.weight': [16, 24],
  'dense1.bias': [16],
  'dense2.weight': [10, 16],
  'dense2.bias': [10],
};

/** What a model is made of: as people make it, or without kinks, so that differences are exact. */
interface Parts {
  readonly activation: 'Relu' | 'Tanh';
  readonly pool: 'MaxPool' | 'AveragePool';
}
const USUAL: Parts = { activation: 'Relu', pool: 'MaxPool' };
const SMOOTH: Parts = { activation: 'Tanh', pool: 'AveragePool' };

const lenet = ({ activation, pool }: Parts) =>
  buildModel(
    21,
    LENET_SHAPES,
    [
      node('Conv', ['image', 'conv1.weight', 'conv1.bias'], ['conv1']),
      node(pool, ['conv1'], ['pool1'], PAIR),
      node('Conv', ['pool1', 'conv2.weight', 'conv2.bias'], ['conv2']),
      node(pool, ['conv2'], ['pool2'], PAIR),
      node('Flatten', ['pool2'], ['flat']),
      node('Gemm', ['flat', 'dense1.weight', 'dense1.bias'], ['dense1'], { transB: int(1) }),
      node(activation, ['dense1'], ['relu']),
      node('Gemm', ['relu', 'dense2.weight', 'dense2.bias'], ['logits'], { transB: int(1) }),
      node('LogSoftmax', ['logits'], ['loss']),
    ],
    ['loss'],
  );

const BLOCK_SHAPES = {
  x: [16, 3, 6, 6],
  'conv1.weight': [4, 3, 3, 3],
  'norm1.scale': [4],
  'norm1.bias': [4],
  'conv2.weight': [4, 4, 3, 3],
  'norm2.scale': [4],
  'norm2.bias': [4],
  'shortcut.weight': [4, 3, 1, 1],
};

/** A residual block that halves the picture, with batch norms as in training, and a pool behind it. */
function residualBlock({ activation }: Parts): Model {
  const norm = (index: number) => {
    const names = ['scale', 'bias', 'mean', 'variance'].map((part) => `norm${index}.${part}`);
    const outputs = [`norm${index}`, `norm${index}.mean.now`, `norm${index}.variance.now`];
    return node('BatchNormalization', [`conv${index}`, ...names], outputs, { training_mode: int(1) });
  };
  const running = (value: number) => float32Tensor([4], new Float32Array(4).fill(value));
  return buildModel(
    21,
    BLOCK_SHAPES,
    [
      node('Conv', ['x', 'conv1.weight'], ['conv1'], { pads: ints(1, 1, 1, 1), strides: ints(2, 2) }),
      norm(1),
      node(activation, ['norm1'], ['relu1']),
      node('Conv', ['relu1', 'conv2.weight'], ['conv2'], { pads: ints(1, 1, 1, 1) }),
      norm(2),
      node('Conv', ['x', 'shortcut.weight'], ['shortcut'], { strides: ints(2, 2) }),
      node('Add', ['norm2', 'shortcut'], ['sum']),
      node(activation, ['sum'], ['relu2']),
      node('GlobalAveragePool', ['relu2'], ['y']),
    ],
    ['y'],
    {
      'norm1.mean': running(0),
      'norm1.variance': running(1),
      'norm2.mean': running(0),
      'norm2.variance': running(1),
    },
  );
}

/** The model's weights as inputs, with their values, and zeros and ones for what else it takes. */
function withFedWeights(model: Model, image: NumericTensor) {
  const feeds = new Map<string, NumericTensor>([[model.graph.inputs[0]!.name, image]]);
  const isWeight = (tensor: Tensor): tensor is NumericTensor => tensor.dtype === 'float32' && tensor.shape.length > 0;
  for (const [name, tensor] of model.graph.initializers) {
    if (!isWeight(tensor)) continue;
    model.graph.initializers.delete(name);
    model.graph.inputs.push({ name, type: { kind: 'tensor', dtype: 'float32', shape: [...tensor.shape] } });
    feeds.set(name, tensor);
  }
  return feeds;
}

/** Moves the elements of smooth models by up to `reach`, which is less for those with many elements. */
async function expectAgreement(
  model: Model,
  feeds: Feeds,
  parts: Parts,
  reach: number,
  engine: 'node' | 'web' = 'node',
): Promise<void> {
  // Around kinks, differences agree the better the smaller the step, until rounding shows.
  const [step, tolerance] = parts === SMOOTH ? [reach, 1e-3] : [1 / 2048, 1e-2];
  const check = { model, feeds, of: [...feeds.keys()], rising: true, step, engine };
  for (const [input, found] of await gradientErrors(check)) expect(found.at(-1), input).toBeLessThan(tolerance);
}

describe.each([
  ['usual', USUAL],
  ['smooth', SMOOTH],
])('gradients of whole models, %s', (_, parts) => {
  it.each(['node', 'web'] as const)('agree with differences for a LeNet, in onnxruntime-%s', async (engine) => {
    await expectAgreement(lenet(parts), seeded(LENET_SHAPES, 1), parts, 1 / 256, engine);
  });

  it('agree with differences for a residual block with batch norms in training', async () => {
    await expectAgreement(residualBlock(parts), seeded(BLOCK_SHAPES, 1), parts, 1 / 256);
  });

  it.skipIf(!hasShared(LENET5))('agree with differences for a trained LeNet-5', async () => {
    const model = await readOnnxFile(sharedPath(LENET5));
    await simplify(model);
    expect(normalizeOpset(model)).toEqual({ normalized: true });
    if (parts === SMOOTH) for (const each of model.graph.nodes) smoothen(each);
    const feeds = withFedWeights(model, seeded({ image: [4, 1, 28, 28] }, 1).get('image')!);
    await expectAgreement(model, feeds, parts, 1 / 1024);
  });
});

/** Makes the node a smooth one of the same shape. */
function smoothen(node: Node): void {
  if (node.op === 'Relu') node.op = 'Tanh';
  if (node.op !== 'MaxPool') return;
  node.op = 'AveragePool';
  node.attributes.delete('storage_order');
}
