import { describe, expect, it } from 'vitest';
import { whyNotCompact } from '../../../formats/fqz/compact.ts';
import { readFqz } from '../../../formats/fqz/read.ts';
import { type WriteOptions, writeFqz } from '../../../formats/fqz/write.ts';
import type { Archive, StoredWeight } from '../../../src/codec/archive.ts';
import { byteLength, DTYPES, type DType } from '../../../src/graph/dtype.ts';
import { type Attribute, emptyGraph, type Model, modelOf, type Node, node } from '../../../src/graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor, numericTensor, type Tensor } from '../../../src/graph/tensor.ts';
import { random } from '../../support/random.ts';

const float = (name: string, shape?: (number | string | null)[]) => ({
  name,
  type: { kind: 'tensor' as const, dtype: 'float32' as const, ...(shape && { shape }) },
});

/** A compact model of these nodes from `x` to `y`. */
function modelWith(nodes: Node[], outputs = ['y']): Model {
  const graph = { ...emptyGraph(), inputs: [float('x')], outputs: outputs.map((name) => float(name)), nodes };
  return modelOf(graph, 21, 10);
}

const RELU = modelWith([node('Relu', ['x'], ['y'])]);

function pass(archive: Archive, options?: WriteOptions) {
  return readFqz(writeFqz(archive, options).bytes);
}

function passWeights(...weights: StoredWeight[]): readonly StoredWeight[] {
  return pass({ graph: { kind: 'compact', model: RELU }, weights }).weights;
}

function passTensor(tensor: Tensor): Tensor {
  const [weight] = passWeights({ name: 'w', tensor });
  return 'tensor' in weight! ? weight.tensor : expect.unreachable();
}

/** A graph with every inner name replaced by a number in order of appearance, so that only the structure is left. */
function structureOf({ graph, opsets, irVersion }: Model) {
  const ports = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const numbers = new Map<string, string>();
  const numbered = (name: string) => {
    if (name === '' || ports.has(name)) return name;
    if (!numbers.has(name)) numbers.set(name, `#${numbers.size}`);
    return numbers.get(name)!;
  };
  const nodes = graph.nodes.map(({ op, domain, inputs, outputs, attributes }) => ({
    call: [domain, op, inputs.map(numbered), outputs.map(numbered)],
    attributes: new Map([...attributes].sort(([a], [b]) => (a < b ? -1 : 1))),
  }));
  return { opset: opsets.get(''), irVersion, inputs: graph.inputs, outputs: graph.outputs, nodes };
}

describe('exact tensors', () => {
  const types = Object.keys(DTYPES).filter((dtype) => dtype !== 'string') as Exclude<DType, 'string'>[];
  it.each(types)('of %s come back bit for bit', (dtype) => {
    const uniform = random(5);
    for (const shape of [[], [0], [1], [2], [5], [3, 0, 2], [7, 3], [1, 1, 130]]) {
      const length = byteLength(dtype, elementCount(shape));
      for (const byte of [
        () => 0,
        () => 255,
        () => 256 * uniform(),
        () => 3 * uniform(),
        (_: unknown, at: number) => at,
      ]) {
        const tensor = numericTensor(dtype, shape, Uint8Array.from({ length }, byte));
        expect(passTensor(tensor)).toEqual(tensor);
      }
    }
  });

  it('keep NaN payloads, signed zeros, infinities and denormals', () => {
    const words = [
      0x7fc00001, 0xffc12345, 0x7f800001, 0, 0x80000000, 1, 0x807fffff, 0x7f800000, 0xff800000, 0x3f800000,
    ];
    const tensor = numericTensor('float32', [10], new Uint8Array(Uint32Array.from(words).buffer));
    expect(passTensor(tensor)).toEqual(tensor);
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const every = numericTensor(
        dtype,
        [65536],
        new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer),
      );
      expect(passTensor(every)).toEqual(every);
    }
  });

  it('keep the extremes of integers', () => {
    const int64 = BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), -1n, 0n, 2n ** 31n, 2n ** 53n + 1n);
    const uint64 = BigUint64Array.of(2n ** 64n - 1n, 0n, 1n);
    for (const limit of [2 ** 29 - 2, 2 ** 29 - 1, 2 ** 29, 2 ** 31 - 1]) {
      const int32 = numericTensor('int32', [4], new Uint8Array(Int32Array.of(limit, -limit, limit, 7).buffer));
      expect(passTensor(int32)).toEqual(int32);
      const wide = int64Tensor([limit, -limit, 0, limit]);
      expect(passTensor(wide)).toEqual(wide);
    }
    for (const [dtype, array] of [
      ['int64', int64],
      ['uint64', uint64],
    ] as const) {
      const tensor = numericTensor(dtype, [array.length], new Uint8Array(array.buffer));
      expect(passTensor(tensor)).toEqual(tensor);
    }
  });

  it('keep strings that are not UTF-8', () => {
    const strings = [[], [0], [255, 254, 0, 128], [...new TextEncoder().encode('zwölf')]].map((text) =>
      Uint8Array.from(text),
    );
    const tensor = { dtype: 'string' as const, shape: [2, 2], strings };
    expect(passTensor(tensor)).toEqual(tensor);
  });

  it('cost little where they are regular', () => {
    const cost = (tensor: Tensor) =>
      writeFqz({ graph: { kind: 'compact', model: RELU }, weights: [{ name: 'w', tensor }] }).weightBytes;
    expect(cost(float32Tensor([1000], new Float32Array(1000).fill(0.1)))).toBeLessThan(8);
    expect(cost(int64Tensor(Array.from({ length: 1000 }, (_, at) => 5 * at)))).toBeLessThan(200);
    // Numbers that were float16 once take their 10 bits of mantissa, sign and exponent, and not 23.
    const uniform = random(8);
    const halves = Float32Array.from({ length: 1000 }, () => Math.round(1024 * (1 + uniform())) / 1024);
    expect(cost(float32Tensor([1000], halves))).toBeLessThan(1000 * 1.6);
  });
});

describe('compact graphs', () => {
  it('come back with their structure', () => {
    const graph = {
      ...emptyGraph('g'),
      inputs: [float('x', ['N', 3, null, 20]), float('other'), float('value0', [])],
      outputs: [float('y', ['N', 10]), float('w.out'), float('second'), float('other')],
      nodes: [
        node('Conv', ['x', 'w', ''], ['a'], {
          pads: { type: 'ints', value: [1, 1, 1, 1] },
          group: { type: 'int', value: 1 },
        }),
        node('Clip', ['a', '', 'high'], ['b']),
        node('Conv', ['b', 'w', 'bias'], ['c'], { pads: { type: 'ints', value: [1, 1, 1, 1] } }),
        node('MaxPool', ['c'], ['', 'places'], { kernel_shape: { type: 'ints', value: [2, 2] } }),
        node('Split', ['c', 'sizes'], ['d', '', 'e', 'second']),
        node('Add', ['d', 'e'], ['f']),
        node('Add', ['f', 'bias'], ['h']),
        node('Mul', ['h', 'value0'], ['y']),
      ],
    } satisfies Model['graph'];
    const model = modelOf(graph, 21, 10);
    const names = ['high', 'w', 'bias', 'sizes', 'w.out', 'never'];
    const weights = names.map((name, at) => ({ name, tensor: int64Tensor([at, 100 * at]) }));
    expect(whyNotCompact(model)).toBeUndefined();
    const read = pass({ graph: { kind: 'compact', model }, weights });
    if (read.graph.kind !== 'compact') return expect.unreachable();
    const expected = structureOf(model);
    // ONNX's default, which takes no bytes.
    expected.nodes[0]!.attributes.delete('group');
    expect(structureOf(read.graph.model)).toEqual(expected);
    // Weights stand in order of first use, and each has its own numbers.
    const order = ['w', 'high', 'bias', 'sizes', 'w.out', 'never'];
    expect(read.weights.map((weight) => 'tensor' in weight && weight.tensor)).toEqual(
      order.map((name) => weights.find((weight) => weight.name === name)!.tensor),
    );
    expect(read.weights[4]!.name).toBe('w.out');
  });

  it('keep all names and metadata when asked', () => {
    const model = modelWith([
      node('Conv', ['x', 'weight'], ['inner'], {}, 'first'),
      node('Relu', ['inner'], ['y'], {}, 'last'),
    ]);
    model.producerName = 'pytorch';
    model.producerVersion = '2.1 ÄÖ';
    model.graph.name = 'main';
    model.metadata = new Map([
      ['names', '{"0":"a"}'],
      ['', '\u0000\n"'],
    ]);
    const weights = [{ name: 'weight', tensor: int64Tensor([1]) }];
    const { graph, weights: read } = pass({ graph: { kind: 'compact', model }, weights }, { keepNames: true });
    if (graph.kind !== 'compact') return expect.unreachable();
    expect(graph.model).toEqual(model);
    expect(read).toEqual(weights);
    const plain = pass({ graph: { kind: 'compact', model }, weights });
    expect(plain.weights[0]!.name).toBe('Conv0.1');
    expect(plain.graph.kind === 'compact' && plain.graph.model.metadata.size).toBe(0);
  });

  it('keep attributes of every type', () => {
    const attributes: [string, Record<string, Attribute>][] = [
      ['LeakyRelu', { alpha: { type: 'float', value: Math.fround(0.3) } }],
      ['LeakyRelu', { alpha: { type: 'float', value: Number.NaN } }],
      ['LeakyRelu', { alpha: { type: 'float', value: Number.NEGATIVE_INFINITY } }],
      ['LeakyRelu', { alpha: { type: 'float', value: 0 } }],
      ['LeakyRelu', { alpha: { type: 'float', value: -0 } }],
      ['Resize', { extrapolation_value: { type: 'float', value: -0 }, mode: { type: 'string', value: '\ufeffcubic' } }],
      ['Flatten', { axis: { type: 'int', value: -3 } }],
      ['Flatten', { axis: { type: 'int', value: 2 ** 30 - 2 } }],
      ['Flatten', {}],
      ['Transpose', { perm: { type: 'ints', value: [] } }],
      ['Transpose', { perm: { type: 'ints', value: [3, -1, 2 ** 29] } }],
      [
        'RNN',
        {
          activations: { type: 'strings', value: ['Tanh', '', 'ß'] },
          activation_alpha: { type: 'floats', value: [1, -0, 0.5] },
        },
      ],
      [
        'RNN',
        {
          activations: { type: 'strings', value: ['Tanh', '', 'ß'] },
          activation_alpha: { type: 'floats', value: [1, 0, 0.5] },
        },
      ],
      ['ConstantOfShape', { value: { type: 'tensor', value: float32Tensor([1], Float32Array.of(7)) } }],
      ['ConstantOfShape', { value: { type: 'tensor', value: float32Tensor([1], Float32Array.of(-7)) } }],
      ['ConstantOfShape', { value: { type: 'tensor', value: int64Tensor([-9]) } }],
    ];
    const model = modelWith(attributes.map(([op, given], at) => node(op, ['x'], [at === 0 ? 'y' : `v${at}`], given)));
    expect(whyNotCompact(model)).toBeUndefined();
    const { graph } = pass({ graph: { kind: 'compact', model }, weights: [] });
    if (graph.kind !== 'compact') return expect.unreachable();
    expect(graph.model.graph.nodes.map((own) => Object.fromEntries(own.attributes))).toEqual(
      attributes.map(([, given]) => given),
    );
  });

  it.each<[string, (model: Model) => void]>([
    ['opset 13', (model) => model.opsets.set('', 13)],
    ['opset 99', (model) => model.opsets.set('', 99)],
    ['operator Nothing', ({ graph }) => graph.nodes.push(node('Nothing', ['x'], ['z']))],
    ['operator com.Relu', ({ graph }) => graph.nodes.push({ ...node('Relu', ['x'], ['z']), domain: 'com' })],
    ['attribute mode of Relu', ({ graph }) => graph.nodes[0]!.attributes.set('mode', { type: 'int', value: 1 })],
    [
      'attribute axis of Flatten',
      ({ graph }) => graph.nodes.push(node('Flatten', ['x'], ['z'], { axis: { type: 'float', value: 1 } })),
    ],
    [
      'attribute axis of Flatten',
      ({ graph }) => graph.nodes.push(node('Flatten', ['x'], ['z'], { axis: { type: 'int', value: 2n ** 40n } })),
    ],
    ['an input with a default', ({ graph }) => graph.initializers.set('x', int64Tensor([1]))],
    ['"y" is an output twice', ({ graph }) => graph.outputs.push(float('y'))],
    ['"s" is not a tensor', ({ graph }) => graph.inputs.push({ name: 's' })],
    ['the shape of "b"', ({ graph }) => graph.inputs.push(float('b', [2 ** 31]))],
    [
      'model-local functions',
      (model) =>
        model.functions.push({
          domain: 'a',
          name: 'f',
          inputs: [],
          outputs: [],
          attributes: [],
          nodes: [],
          opsets: new Map(),
        }),
    ],
  ])('do not take %s', (reason, change) => {
    const model = structuredClone(RELU);
    change(model);
    expect(whyNotCompact(model)).toBe(reason);
  });

  it('take a size of -1, as some exporters write it, for an unknown one', () => {
    const model = structuredClone(RELU);
    model.graph.inputs = [float('x', [-1, 3])];
    const { graph } = pass({ graph: { kind: 'compact', model }, weights: [] });
    expect(graph.kind === 'compact' && graph.model.graph.inputs).toEqual([float('x', [null, 3])]);
  });

  it('of twenty like layers cost a few bytes a layer', () => {
    const nodes = Array.from({ length: 20 }, (_, at) => [
      node('Conv', [at === 0 ? 'x' : `r${at - 1}`, `w${at}`, `b${at}`], [`c${at}`], {
        kernel_shape: { type: 'ints', value: [3, 3] },
        pads: { type: 'ints', value: [1, 1, 1, 1] },
      }),
      node('Relu', [`c${at}`], [at === 19 ? 'y' : `r${at}`]),
    ]).flat();
    const scalar = (name: string) => ({ name, tensor: int64Tensor([1], []) });
    const weights = Array.from({ length: 20 }, (_, at) => [scalar(`w${at}`), scalar(`b${at}`)]).flat();
    const { graphBytes } = writeFqz({ graph: { kind: 'compact', model: modelWith(nodes) }, weights });
    expect(graphBytes).toBeLessThan(40 + 20 * 3);
  });
});

describe('companions', () => {
  it('come back', () => {
    const preparation = { scale: 127.5, mean: [0.485, -1e-9, 1e21], std: [0.229], channels: 'bgr' as const };
    const labels = ['cat', '', 'Großer Brachvogel', '猫'];
    const { preparation: read, labels: names } = pass({
      graph: { kind: 'compact', model: RELU },
      weights: [],
      preparation,
      labels,
    });
    expect(read).toEqual(preparation);
    expect(names).toEqual(labels);
  });

  it('cost nothing where there are none', () => {
    const archive: Archive = { graph: { kind: 'compact', model: RELU }, weights: [] };
    const read = pass(archive);
    expect(read).not.toHaveProperty('preparation');
    expect(read).not.toHaveProperty('labels');
    expect(writeFqz({ ...archive, labels: [] }).bytes.length - writeFqz(archive).bytes.length).toBeLessThanOrEqual(1);
  });
});

describe('graphs stored as ONNX', () => {
  it('come back byte for byte, with their weights by name', () => {
    const deflated = Uint8Array.from({ length: 300 }, (_, at) => at * 7);
    const weights = [
      { name: 'a/b:0', tensor: int64Tensor([1, 2]) },
      { name: 'ä', tensor: int64Tensor([3], []) },
    ];
    const read = pass({ graph: { kind: 'onnx', deflated }, weights });
    expect(read.graph).toEqual({ kind: 'onnx', deflated });
    expect(read.weights).toEqual(weights);
  });
});

describe('limits', () => {
  it('the writer refuses what a reader would not believe', () => {
    const empty = float32Tensor([5000, 5000], new Float32Array(25e6));
    expect(() => passTensor(empty)).toThrow(RangeError);
    const labels = new Array<string>(60_000).fill('');
    expect(() => writeFqz({ graph: { kind: 'compact', model: RELU }, weights: [], labels })).toThrow(RangeError);
  });
});
