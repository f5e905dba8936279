import { beforeAll, describe, expect, it } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { readOnnx } from '../../formats/onnx/read.ts';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { dct } from '../../src/codec/dct.ts';
import type { TensorNetwork } from '../../src/codec/network.ts';
import { gather } from '../../src/codec/support.ts';
import { takeTrainedCores } from '../../src/codec/trained-cores.ts';
import { convert } from '../../src/convert.ts';
import type { ConvertOptions } from '../../src/convert-options.ts';
import { onnxruntimeEvaluate } from '../../src/evaluate-constants.ts';
import { type FitResult, fit as fitModel } from '../../src/fit/fit.ts';
import { type Model, node } from '../../src/graph/graph.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { unpack } from '../../src/unpack.ts';
import { execute, smallClassifier, spots } from '../fit/small-fit.ts';
import { normal } from '../support/random.ts';
import { buildModel, largestDifference, runModel } from '../support/run-model.ts';

const samples = spots(64);
let feeds: ReadonlyMap<string, Tensor>;
let fitted: FitResult;
let withBiases: FitResult;

beforeAll(async () => {
  ({ feeds } = await samples.batch(Uint32Array.from({ length: 64 }, (_, at) => at)));
  const options = { execute, coefficients: 60, epochs: 2, batch: 32, start: 'fresh', seed: 3 } as const;
  fitted = await fitModel(smallClassifier(), samples, { ...options, targetSize: 200 });
  withBiases = await fitModel(smallClassifier(), samples, { ...options, coefficients: 700, biases: true });
});

/** The exported graph as another trainer hands it back. */
const exported = ({ trainable }: FitResult = fitted) => readOnnx(writeOnnx(trainable));

async function converted(model: Model, options: ConvertOptions = {}) {
  const { bytes, report } = await convert(model, { evaluate: onnxruntimeEvaluate, ...options });
  const { weights, graph } = readFqz(bytes);
  const networks = new Map(weights.map((weight) => [weight.name, 'network' in weight ? weight.network : undefined]));
  const nodes = graph.kind === 'compact' ? graph.model.graph.nodes.map(({ op }) => op) : [];
  return {
    bytes,
    report,
    networks: [...networks.values()],
    nodes,
    outputs: await runModel(unpack(readFqz(bytes)), feeds),
  };
}

/** Numbers of all cores, sorted. */
const numbersOf = (networks: readonly (TensorNetwork | undefined)[]) =>
  networks
    .flatMap((network) => network?.operands ?? [])
    .flatMap((operand) =>
      operand.kind === 'quantized'
        ? Array.from(operand.levels, (level) => level * operand.step)
        : operand.kind === 'float'
          ? [...operand.values]
          : [],
    )
    .filter((number) => number !== 0)
    .toSorted((a, b) => a - b);

/** Adds to all coefficients what a few steps of another trainer might. */
function trainFurther(model: Model): Model {
  const next = normal(5);
  for (const [name, tensor] of model.graph.initializers) {
    if (!name.endsWith('/core')) continue;
    const values = toFloat32(tensor).map((value) => value + 0.02 * next());
    model.graph.initializers.set(name, float32Tensor(tensor.shape, values));
  }
  return model;
}

const storedNetworks = ({ archive }: FitResult) =>
  archive.weights.map((weight) => ('network' in weight ? weight.network : undefined));

describe('a graph that fit exported', () => {
  it.each([
    ['without biases', () => fitted],
    ['with biases', () => withBiases],
  ])('comes back with the same coefficients, %s', async (_, result) => {
    const reference = await runModel(result().trainable, feeds);
    const { bytes, report, networks, nodes, outputs } = await converted(exported(result()));
    expect(largestDifference(reference, outputs)).toBeLessThan(1e-5);
    expect(numbersOf(networks)).toEqual(numbersOf(storedNetworks(result())));
    expect(nodes).toEqual(['Conv', 'Relu', 'MaxPool', 'Flatten', 'Gemm', 'Relu', 'Gemm']);
    expect(Math.abs(bytes.length - result().bytes.length)).toBeLessThanOrEqual(4);
    expect(report.output.coefficients).toBe(result().coefficients);
    expect(report.parameters).toBe(8 * 9 + 24 * 72 + 3 * 24 + (result() === withBiases ? 8 + 24 : 0));
  });

  it.each([
    { quality: 20 },
    { precision: 'fp16' },
    { precision: 'lossless' },
    { maxError: 0.3 },
    { layers: 2 },
  ] as const)('keeps its coefficients under %o', async (options) => {
    const { networks } = await converted(exported(), options);
    expect(numbersOf(networks)).toEqual(numbersOf(storedNetworks(fitted)));
  });
});

describe('a graph that was trained further', () => {
  it('keeps its coefficients bit for bit where that is asked for', async () => {
    const model = trainFurther(exported());
    const cores = [...model.graph.initializers].filter(([name]) => name.endsWith('/core'));
    const reference = await runModel(model, feeds);
    const { networks, outputs, nodes } = await converted(model, { precision: 'lossless' });
    expect(nodes).not.toContain('MatMul');
    expect(numbersOf(networks)).toEqual(
      cores.flatMap(([, tensor]) => [...toFloat32(tensor)]).toSorted((a, b) => a - b),
    );
    expect(largestDifference(reference, outputs)).toBeLessThan(1e-5);
  });

  it.each([
    [{ precision: 'fp16' }, 2 ** -11],
    [{ maxError: 0.02 }, 0.02],
    [{ quality: 90 }, 0.02],
  ] as const)('keeps to its cores under %o', async (options, error) => {
    const model = trainFurther(exported());
    const sizes = [...model.graph.initializers].flatMap(([name, { shape }]) =>
      name.endsWith('/core') ? [shape.reduce((a, b) => a * b, 1)] : [],
    );
    const { report, networks } = await converted(model, options);
    expect(networks.every((network) => network!.operands.some(({ kind }) => kind === 'cosine'))).toBe(true);
    expect(numbersOf(networks).length).toBeLessThanOrEqual(sizes.reduce((a, b) => a + b, 0));
    for (const { relativeError } of report.tensors) {
      expect(relativeError).toBeGreaterThan(0);
      expect(relativeError).toBeLessThanOrEqual(error);
    }
  });

  it('keeps its coefficients though norms follow the layer', async () => {
    const model = exported();
    const conv = model.graph.nodes.find(({ op }) => op === 'Conv')!;
    const [output] = conv.outputs;
    conv.outputs[0] = 'before';
    const at = model.graph.nodes.indexOf(conv) + 1;
    model.graph.nodes.splice(at, 0, node('BatchNormalization', ['before', 'g', 'b', 'm', 'v'], [output!]));
    const next = normal(4);
    const positive = () =>
      float32Tensor(
        [8],
        Float32Array.from({ length: 8 }, () => 1 + 0.1 * next() ** 2),
      );
    for (const name of ['g', 'b', 'm', 'v']) model.graph.initializers.set(name, positive());
    const reference = await runModel(model, feeds);
    const { networks, outputs, nodes } = await converted(model, { precision: 'lossless' });
    expect(nodes).toContain('BatchNormalization');
    const wanted = numbersOf(storedNetworks(fitted));
    expect(numbersOf(networks)).toEqual(wanted);
    expect(largestDifference(reference, outputs)).toBeLessThan(1e-5);
  });
});

describe('a graph that only resembles', () => {
  const coresAfter = (change: (model: Model) => void) => {
    const model = exported();
    change(model);
    return [...takeTrainedCores(model).keys()].sort();
  };
  const change = (suffix: string, edit: (values: Float32Array) => void) => (model: Model) => {
    const name = [...model.graph.initializers.keys()].find(
      (each) => each.startsWith('conv/') && each.endsWith(suffix),
    )!;
    const tensor = model.graph.initializers.get(name)!;
    const values = toFloat32(tensor).slice();
    edit(values);
    model.graph.initializers.set(name, float32Tensor(tensor.shape, values));
  };

  it('is left alone where the cosines are none', async () => {
    expect(coresAfter(() => {})).toEqual(['conv', 'dense', 'last']);
    const edit = change('/cosines', (values) => {
      values[3]! += 1e-3;
    });
    expect(coresAfter(edit)).toEqual(['dense', 'last']);
    const model = exported();
    edit(model);
    const reference = await runModel(model, feeds);
    const { outputs } = await converted(model, { precision: 'lossless' });
    expect(largestDifference(reference, outputs)).toBeLessThan(1e-5);
  });

  it('is left alone where something else takes the core, or what comes of it', () => {
    expect(
      coresAfter(({ graph }) => {
        graph.outputs.push({ name: 'conv' });
        graph.nodes.push(node('Neg', ['dense/core'], ['n']));
        graph.outputs.push({ name: 'n' });
      }),
    ).toEqual(['last']);
  });

  it('is left alone where the weight is used as none', () => {
    const found = coresAfter(({ graph }) => {
      graph.nodes.push(node('Relu', ['last'], ['n']));
      graph.outputs.push({ name: 'n' });
    });
    expect(found).toEqual(['conv', 'dense']);
  });

  it('is left alone where a weight is only reshaped', () => {
    const next = normal(3);
    const weight = float32Tensor(
      [24],
      Float32Array.from({ length: 24 }, () => next()),
    );
    const model = buildModel(
      21,
      { x: ['N', 4] },
      [node('Reshape', ['w', 'a'], ['r']), node('Reshape', ['r', 'b'], ['m']), node('MatMul', ['x', 'm'], ['y'])],
      ['y'],
      { w: weight, a: int64Tensor([24]), b: int64Tensor([4, 6]) },
    );
    expect(takeTrainedCores(model).size).toBe(0);
    expect(model.graph.nodes).toHaveLength(3);
  });
});

it('tells the axes of transforms apart from those that are as they are', () => {
  // Frequencies of axis 1 alone: (4, 3 of 6).
  const [shape, box] = [
    [4, 6],
    [4, 3],
  ];
  const next = normal(8);
  const weight = Float64Array.from({ length: 24 }, () => next());
  const core = weight.slice();
  dct(core, shape, [1]);
  const kept = gather(core, shape, box);
  const cosines = Float32Array.from({ length: 18 }, (_, at) => {
    const [k, x] = [Math.floor(at / 6), at % 6];
    return Math.sqrt((k === 0 ? 1 : 2) / 6) * Math.cos((Math.PI * (x + 0.5) * k) / 6);
  });
  const model = buildModel(
    21,
    { x: ['N', 4] },
    [
      node('Reshape', ['core', 'flat'], ['f']),
      node('MatMul', ['f', 'cosines'], ['p']),
      node('Reshape', ['p', 'shape'], ['w']),
      node('MatMul', ['x', 'w'], ['y']),
    ],
    ['y'],
    {
      core: float32Tensor(box, Float32Array.from(kept)),
      flat: int64Tensor(box),
      cosines: float32Tensor([3, 6], cosines),
      shape: int64Tensor(shape),
    },
  );
  expect(takeTrainedCores(model).get('w')).toMatchObject({ shape, folded: shape, axes: [1], box });
});
