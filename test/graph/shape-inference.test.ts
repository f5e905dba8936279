import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOnnxFile } from '../../formats/onnx/file.ts';
import { readOnnx } from '../../formats/onnx/read.ts';
import { readTensor } from '../../formats/onnx/read-tensor.ts';
import { messageOf } from '../../formats/onnx/wire-read.ts';
import { type Dim, type Model, node, type Value } from '../../src/graph/graph.ts';
import { OPS } from '../../src/graph/op-table.ts';
import { dropInitializerInputs, inlineConstants } from '../../src/graph/passes/inline-constants.ts';
import { normalizeOpset } from '../../src/graph/passes/normalize-opset.ts';
import { INFERRED_OPERATORS, inferShapes } from '../../src/graph/shape-inference.ts';
import { int64Tensor } from '../../src/graph/tensor.ts';
import { random } from '../support/random.ts';
import { buildModel, runModel, seededFeeds } from '../support/run-model.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { readTarGz } from '../support/tar.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';
const MODELS = 'models/onnx';

describe('inferShapes', () => {
  it('has a rule for every operator of the table', () => {
    expect(OPS.map(({ op }) => op).filter((op) => !INFERRED_OPERATORS.has(op))).toEqual([]);
  });

  it('carries a symbolic batch through shape arithmetic', () => {
    const model = buildModel(
      21,
      { x: ['batch', 3, 4, 'width'] },
      [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', 'zero'], ['batch']),
        node('Unsqueeze', ['batch', 'axes'], ['batch1']),
        node('Concat', ['batch1', 'twelve', 'open'], ['target'], { axis: { type: 'int', value: 0 } }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
      ['y'],
      { zero: int64Tensor([0], []), axes: int64Tensor([0]), twelve: int64Tensor([12]), open: int64Tensor([-1]) },
    );
    expect(inferShapes(model).get('y')).toEqual({ dtype: 'float32', shape: ['batch', 12, 'width'] });
  });

  it('leaves unknown what it cannot tell, and what contradicts itself', () => {
    const model = buildModel(
      21,
      { x: ['n', 3], y: ['m', 3], z: [5, 4] },
      [
        node('Add', ['x', 'y'], ['sum']),
        node('Add', ['x', 'z'], ['misfit']),
        node('MatMul', ['x', 'missing'], ['product']),
        { ...node('Thing', ['x'], ['foreign']), domain: 'com.example' },
        node('Relu', ['foreign'], ['after']),
      ],
      ['sum'],
    );
    const types = inferShapes(model);
    expect(types.get('sum')).toEqual({ dtype: 'float32', shape: [null, 3] });
    expect(types.get('misfit')).toEqual({ dtype: 'float32' });
    expect(types.get('product')).toEqual({ dtype: 'float32' });
    expect(types.has('foreign')).toBe(false);
    expect(types.has('after')).toBe(false);
  });

  it('takes nothing from attributes that an older opset gave', () => {
    const squeeze = node('Squeeze', ['x'], ['y'], { axes: { type: 'ints', value: [0] } });
    expect(inferShapes(buildModel(11, { x: [1, 1, 3] }, [squeeze], ['y'])).has('y')).toBe(false);
  });
});

/** Whether this may stand in an inferred shape. */
const isDim = (dim: unknown): boolean =>
  dim === null || typeof dim === 'string' || (Number.isSafeInteger(dim) && (dim as number) >= 0);

/** Whether no dimension that both sides are certain of differs, and the ranks agree. */
function agree(inferred: readonly Dim[], actual: readonly Dim[]): boolean {
  const fits = (dim: Dim, axis: number) =>
    typeof dim !== 'number' || typeof actual[axis] !== 'number' || dim === actual[axis];
  return inferred.length === actual.length && inferred.every(fits);
}

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  const files = hasShared(ARCHIVE) ? readTarGz(sharedPath(ARCHIVE)) : new Map<string, Uint8Array>();
  // Operator set 1 is not read.
  const paths = [...files.keys()].filter((path) => path.endsWith('/model.onnx') && !/test_not_[234]d/.test(path));

  /** The model without its outputs' declarations, and with small inputs of the test as constants. */
  function prepared(path: string): { model: Model; declared: Value[] } {
    const model = readOnnx(files.get(path)!);
    const { graph } = model;
    const declared = graph.outputs;
    graph.outputs = declared.map(({ name }) => ({ name }));
    for (const [index, { name, type }] of graph.inputs.entries()) {
      const bytes = files.get(path.replace('model.onnx', `test_data_set_0/input_${index}.pb`));
      if (!bytes || type?.kind !== 'tensor' || (type.shape?.length ?? 2) > 1) continue;
      const { tensor } = readTensor(messageOf(bytes), () => new Uint8Array(), 'initializer');
      // One test stores bfloat16 as the integers of its bits.
      if (tensor.dtype === type.dtype) graph.initializers.set(name, tensor);
    }
    return { model, declared };
  }

  it('declare what is inferred of their outputs', () => {
    const wrong: string[] = [];
    let outputs = 0;
    let complete = 0;
    for (const path of paths) {
      const { model, declared } = prepared(path);
      const types = inferShapes(model);
      for (const { name, type } of declared) {
        if (type?.kind !== 'tensor' || !type.shape) continue;
        outputs++;
        const inferred = types.get(name);
        if (!inferred) continue;
        if (inferred.dtype !== type.dtype || !agree(inferred.shape ?? type.shape, type.shape)) {
          wrong.push(`${path} ${name}: ${inferred.dtype}[${inferred.shape}] for ${type.dtype}[${type.shape}]`);
        }
        if (inferred.shape?.every((dim) => dim !== null)) complete++;
      }
    }
    expect(wrong).toEqual([]);
    // The rest depends on data, or passes through control flow, sequences and other domains.
    expect(outputs).toBe(1739);
    expect(complete).toBeGreaterThanOrEqual(1480);
  });
});

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests with other input shapes (skipped without them)', () => {
  it('never make inference throw or invent sizes', () => {
    const uniform = random(3);
    const anyShape = (): Dim[] =>
      Array.from(
        { length: Math.floor(6 * uniform()) },
        () => [0, 1, 2, 3, 7, 'n', null, 2 ** 52][Math.floor(8 * uniform())]!,
      );
    const wrong: string[] = [];
    for (const [path, bytes] of readTarGz(sharedPath(ARCHIVE))) {
      if (!path.endsWith('/model.onnx') || /test_not_[234]d/.test(path)) continue;
      const model = readOnnx(bytes);
      for (let round = 0; round < 10; round++) {
        for (const { type } of model.graph.inputs) if (type?.kind === 'tensor') type.shape = anyShape();
        for (const { shape = [] } of inferShapes(model).values())
          if (!shape.every(isDim)) wrong.push(`${path}: ${shape}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe.skipIf(!hasShared(MODELS))('every value of the shared models (skipped where they are absent)', () => {
  // All values of these two together take a gigabyte.
  const names = hasShared(MODELS)
    ? readdirSync(sharedPath(MODELS)).filter((name) => !/^(style|mobilenet)/.test(name))
    : [];

  it.each(names)('%s has the shape that onnxruntime gives it', async (name) => {
    const model = await readOnnxFile(sharedPath(`${MODELS}/${name}`));
    inlineConstants(model);
    dropInitializerInputs(model);
    normalizeOpset(model);
    const types = inferShapes(model);
    model.graph.outputs = model.graph.nodes.flatMap(({ outputs }) =>
      outputs.filter((each) => each !== '').map((each) => ({ name: each })),
    );
    const feeds = seededFeeds(model);
    const values = await runModel(model, feeds);
    const sizes = new Map<string, number>();
    const wrong: string[] = [];
    for (const [value, { dtype, shape }] of [...feeds, ...values]) {
      const type = types.get(value);
      if (!type?.shape) wrong.push(`${value}: unknown`);
      else if (type.dtype !== dtype || !agree(type.shape, shape))
        wrong.push(`${value}: ${type.dtype}[${type.shape}], not ${dtype}[${shape}]`);
      // A name must mean the same size everywhere.
      for (const [axis, dim] of (type?.shape ?? []).entries()) {
        if (typeof dim !== 'string') continue;
        if ((sizes.get(dim) ?? shape[axis]) !== shape[axis])
          wrong.push(`${value}: ${dim} is both ${sizes.get(dim)} and ${shape[axis]}`);
        sizes.set(dim, shape[axis]!);
      }
    }
    expect(wrong).toEqual([]);
  });
});
