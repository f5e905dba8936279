import { describe, expect, it } from 'vitest';
import { onnxruntimeExecute } from '../../../src/calibration-data.ts';
import { calibratedLayers, elementsOfRows, rowsOf } from '../../../src/codec/calibration/layers.ts';
import { layerMoments } from '../../../src/codec/calibration/moments.ts';
import { weightRoles } from '../../../src/codec/weight-roles.ts';
import { type Attribute, type Model, node } from '../../../src/graph/graph.ts';
import { toFloat32 } from '../../../src/graph/numbers.ts';
import { float32Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { normal } from '../../support/random.ts';
import { buildModel, runModel } from '../../support/run-model.ts';

const next = normal(11);
const seeded = (shape: number[]) => {
  const count = shape.reduce((product, size) => product * size, 1);
  return float32Tensor(
    shape,
    Float32Array.from({ length: count }, () => next() + 0.3),
  );
};
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const int = (value: number): Attribute => ({ type: 'int', value });

interface Case {
  readonly op: string;
  readonly input: number[];
  readonly weight: number[];
  readonly attributes?: Record<string, Attribute>;
  /** The weight is the left side of the product. */
  readonly left?: boolean;
  readonly bias?: number;
  /** A RNN without activation functions, of so many hidden values, no state and no time. */
  readonly hidden?: number;
  /** Axes of the output that are groups. */
  readonly groupAxes?: number[];
}

const CASES: Record<string, Case> = {
  'a convolution': { op: 'Conv', input: [2, 3, 6, 5], weight: [4, 3, 3, 3], bias: 4 },
  'a strided, padded, dilated one': {
    op: 'Conv',
    input: [2, 2, 9, 8],
    weight: [3, 2, 3, 2],
    attributes: { strides: ints(2, 1), pads: ints(1, 0, 2, 1), dilations: ints(1, 2) },
  },
  'one padded by auto_pad': {
    op: 'Conv',
    input: [1, 2, 5, 5],
    weight: [2, 2, 3, 3],
    attributes: { auto_pad: { type: 'string', value: 'SAME_UPPER' }, strides: ints(2, 2) },
  },
  'a grouped one': { op: 'Conv', input: [2, 4, 5, 5], weight: [6, 2, 3, 3], attributes: { group: int(2) } },
  'a depthwise one': { op: 'Conv', input: [2, 3, 5, 5], weight: [6, 1, 3, 3], attributes: { group: int(3) } },
  'one over a line': { op: 'Conv', input: [2, 3, 9], weight: [4, 3, 3], attributes: { pads: ints(1, 1) } },
  'a transposed one': {
    op: 'ConvTranspose',
    input: [2, 3, 4, 3],
    weight: [3, 2, 3, 3],
    attributes: { strides: ints(2, 2), pads: ints(1, 1, 1, 1), output_padding: ints(1, 1) },
  },
  'a transposed grouped one': {
    op: 'ConvTranspose',
    input: [2, 4, 3, 3],
    weight: [4, 3, 2, 2],
    attributes: { group: int(2), strides: ints(2, 2) },
  },
  'a Gemm': { op: 'Gemm', input: [5, 6], weight: [6, 4], bias: 4 },
  'a transposed Gemm': { op: 'Gemm', input: [5, 6], weight: [4, 6], attributes: { transB: int(1) }, bias: 4 },
  'a product of many': { op: 'MatMul', input: [2, 3, 6], weight: [6, 4] },
  'a product from the left': { op: 'MatMul', input: [2, 6, 3], weight: [4, 6], left: true },
  'a convolution of volumes': {
    op: 'Conv',
    input: [2, 2, 4, 5, 3],
    weight: [3, 2, 2, 3, 1],
    attributes: { pads: ints(1, 0, 0, 0, 1, 0), strides: ints(1, 2, 1) },
  },
  'a dilated one over a line': {
    op: 'Conv',
    input: [2, 3, 9],
    weight: [4, 3, 3],
    attributes: { dilations: ints(2), pads: ints(2, 2) },
  },
  'a Gemm of a turned input': { op: 'Gemm', input: [6, 5], weight: [6, 4], attributes: { transA: int(1) }, bias: 4 },
  'a product with a matrix for each head': { op: 'MatMul', input: [2, 3, 5, 6], weight: [3, 6, 4], groupAxes: [1] },
  'a product of one input with many matrices': { op: 'MatMul', input: [2, 1, 5, 6], weight: [3, 6, 4], groupAxes: [1] },
  'a product of a matrix with many matrices': { op: 'MatMul', input: [5, 6], weight: [2, 3, 6, 4], groupAxes: [0, 1] },
  'a product with matrices over two axes of three': {
    op: 'MatMul',
    input: [2, 3, 2, 5, 6],
    weight: [2, 1, 2, 6, 4],
    groupAxes: [0, 2],
  },
  'a product from the left for each head': {
    op: 'MatMul',
    input: [2, 3, 6, 5],
    weight: [3, 4, 6],
    left: true,
    groupAxes: [1],
  },
  'the inputs of a recurrent layer': {
    op: 'RNN',
    input: [3, 2, 5],
    weight: [1, 4, 5],
    hidden: 4,
    groupAxes: [1],
  },
  'the inputs of one in both directions': {
    op: 'RNN',
    input: [3, 2, 5],
    weight: [2, 4, 5],
    attributes: { direction: { type: 'string', value: 'bidirectional' } },
    hidden: 4,
    groupAxes: [1],
  },
};

function modelOf({ op, input, weight, attributes = {}, left, bias, hidden }: Case): Model {
  const inputs = left ? ['w', 'x'] : ['x', 'w'];
  const bound: Record<string, Tensor> = bias === undefined ? {} : { b: seeded([bias]) };
  const [directions] = weight as [number];
  const silent = (size: number) => float32Tensor([directions, size, size], new Float32Array(directions * size * size));
  const recurrent: Record<string, Tensor> = hidden === undefined ? {} : { r: silent(hidden) };
  const own =
    hidden === undefined ? attributes : { ...attributes, hidden_size: int(hidden), ...identityActivation(directions) };
  const layer = node(op, [...inputs, ...Object.keys(bound), ...Object.keys(recurrent)], ['y'], own);
  return buildModel(17, { x: input }, [layer], ['y'], { w: seeded(weight), ...bound, ...recurrent });
}

const identityActivation = (directions: number): Record<string, Attribute> => ({
  activations: { type: 'strings', value: Array.from({ length: directions }, () => 'Affine') },
  activation_alpha: { type: 'floats', value: Array.from({ length: directions }, () => 1) },
  activation_beta: { type: 'floats', value: Array.from({ length: directions }, () => 0) },
});

/** The output of the layer in order of its outputs: (groups and outputs, positions and samples). */
function outputsOf({ op, left, groupAxes = [] }: Case, tensor: Tensor): number[][] {
  const { shape } = tensor;
  const axis = op.startsWith('Conv') ? 1 : left ? shape.length - 2 : shape.length - 1;
  const rows = new Map<string, number[]>();
  const places = [...groupAxes, axis];
  for (const [at, value] of toFloat32(tensor).entries()) {
    let rest = at;
    const indices = shape.toReversed().map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    });
    const key = places.map((place) => String(indices[shape.length - 1 - place]).padStart(2, '0')).join();
    rows.set(key, [...(rows.get(key) ?? []), value]);
  }
  return [...rows.keys()].sort().map((key) => rows.get(key)!);
}

/**
 * What each column of each group sees, by the definition of the layer: its response when every weight is 0 but that column's of the
 * group's first row, which is 1.
 */
async function columnsOf(each: Case, model: Model, x: Tensor): Promise<number[][][]> {
  const [layer] = calibratedLayers(model, weightRoles(model));
  const { groups, rows, columns } = layer!;
  const found: number[][][] = [];
  for (let group = 0; group < groups; group++) {
    found.push([]);
    for (let column = 0; column < columns; column++) {
      const matrix = new Float64Array(groups * rows * columns);
      matrix[group * rows * columns + column] = 1;
      const probe = Float32Array.from(elementsOfRows(layer!, matrix));
      model.graph.initializers.set('w', float32Tensor(each.weight, probe));
      if (each.bias !== undefined)
        model.graph.initializers.set('b', float32Tensor([each.bias], new Float32Array(each.bias)));
      const outputs = outputsOf(each, (await runModel(model, new Map([['x', x]]))).get('y')!);
      found[group]!.push(outputs[group * rows]!);
    }
  }
  return found;
}

const dot = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const total = (a: number[]) => a.reduce((sum, value) => sum + value, 0);

describe.each(Object.entries(CASES))('the moments of %s', (_, each) => {
  it('are the sums over what its weights are multiplied with', async () => {
    const model = modelOf(each);
    const [layer] = calibratedLayers(model, weightRoles(model));
    const weight = model.graph.initializers.get('w')!;
    const xs = [seeded(each.input), seeded(each.input)];
    const { groups, count } = await layerMoments(
      layer!,
      layer!.uses[0]!,
      weight,
      xs.map((input) => ({ input })),
      onnxruntimeExecute,
    );
    const seen = await Promise.all(xs.map((x) => columnsOf(each, modelOf(each), x)));
    expect(groups).toHaveLength(seen[0]!.length);
    expect(count).toBe(2 * seen[0]![0]![0]!.length);
    for (const [at, { products, sums, missing }] of groups.entries()) {
      const columns = seen.map((batch) => batch[at]!);
      const size = layer!.columns;
      for (let i = 0; i < size; i++) {
        expect(sums[i]).toBeCloseTo(total(columns[0]![i]!) + total(columns[1]![i]!), 3);
        for (let j = 0; j < size; j++) {
          const expected = columns.reduce((sum, batch) => sum + dot(batch[i]!, batch[j]!), 0);
          expect(products[i * size + j]).toBeCloseTo(expected, 3);
        }
      }
      expect(missing.every((value) => value === 0)).toBe(true);
    }
  });

  it('tell what is missing of the original outputs', async () => {
    const model = modelOf(each);
    const [layer] = calibratedLayers(model, weightRoles(model));
    const weight = model.graph.initializers.get('w')!;
    const [input, original] = [seeded(each.input), seeded(each.input)];
    const outputOf = async (x: Tensor) => (await runModel(model, new Map([['x', x]]))).get('y')!;
    const [now, then] = [await outputOf(input), await outputOf(original)];
    // What is added to the states of a recurrent layer is not added to what its weight makes.
    const isRecurrent = each.hidden !== undefined;
    const shortcut = { now: seeded([...now.shape]), original: seeded([...now.shape]) };
    const given = { input, original, ...(!isRecurrent && { shortcut }) };
    const { groups } = await layerMoments(layer!, layer!.uses[0]!, weight, [given], onnxruntimeExecute);
    const [a, b, c, d] = [then, now, shortcut.original, shortcut.now].map((tensor) => outputsOf(each, tensor));
    const missed = a!.map((row, output) =>
      row.map((v, at) => v - b![output]![at]! + (isRecurrent ? 0 : c![output]![at]! - d![output]![at]!)),
    );
    const seen = await columnsOf(each, modelOf(each), input);
    const { rows, columns } = layer!;
    for (const [group, { missing, missingSums }] of groups.entries()) {
      for (let row = 0; row < rows; row++) {
        const own = missed[group * rows + row]!;
        expect(missingSums[row]).toBeCloseTo(total(own), 3);
        for (let column = 0; column < columns; column++) {
          expect(missing[row * columns + column]).toBeCloseTo(dot(own, seen[group]![column]!), 3);
        }
      }
    }
  });

  it('belong to the matrix that the weight is', () => {
    const model = modelOf(each);
    const [layer] = calibratedLayers(model, weightRoles(model));
    const elements = Float64Array.from(toFloat32(model.graph.initializers.get('w')!));
    expect(elementsOfRows(layer!, rowsOf(layer!, elements))).toEqual(elements);
  });
});
