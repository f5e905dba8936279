import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../formats/onnx/read.ts';
import { readTensor } from '../../formats/onnx/read-tensor.ts';
import { messageOf } from '../../formats/onnx/wire-read.ts';
import type { Dim, Model, Value } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/shape-inference.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { readTarGz } from '../support/tar.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** Dimensions that are certain on both sides and differ, or a differing rank. */
function disagree(inferred: readonly Dim[], declared: readonly Dim[]): boolean {
  return (
    inferred.length !== declared.length ||
    inferred.some(
      (dim, axis) => typeof dim === 'number' && typeof declared[axis] === 'number' && dim !== declared[axis],
    )
  );
}

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  const files = hasShared(ARCHIVE) ? readTarGz(sharedPath(ARCHIVE)) : new Map<string, Uint8Array>();
  const cases = [...files.keys()].filter((path) => path.endsWith('/model.onnx'));

  /** The model without its outputs' declarations, and with small integer inputs of the test as constants. */
  function prepared(path: string): { model: Model; declared: Value[] } | undefined {
    let model: Model;
    try {
      model = readOnnx(files.get(path)!);
    } catch {
      return undefined;
    }
    const { graph } = model;
    const declared = graph.outputs;
    graph.outputs = declared.map(({ name }) => ({ name }));
    graph.inputs.forEach(({ name, type }, index) => {
      const bytes = files.get(path.replace('model.onnx', `test_data_set_0/input_${index}.pb`));
      if (
        !bytes ||
        type?.kind !== 'tensor' ||
        (type.dtype !== 'int64' && type.dtype !== 'int32' && type.dtype !== 'float32')
      )
        return;
      const { tensor } = readTensor(messageOf(bytes), () => new Uint8Array(), 'initializer');
      if (tensor.shape.length <= 1) graph.initializers.set(name, tensor);
    });
    return { model, declared };
  }

  it('agrees with the declared type of every output that it infers', () => {
    const wrong: string[] = [];
    const open: string[] = [];
    let outputs = 0;
    for (const path of cases) {
      const test = prepared(path);
      if (!test) continue;
      const types = inferShapes(test.model);
      for (const { name, type } of test.declared) {
        if (type?.kind !== 'tensor' || !type.shape) continue;
        outputs++;
        const inferred = types.get(name);
        const label = `${path.split('/').at(-2)} ${name}: ${inferred?.dtype} [${inferred?.shape}], declared ${type.dtype} [${type.shape}]`;
        if (inferred && (inferred.dtype !== type.dtype || disagree(inferred.shape ?? type.shape, type.shape)))
          wrong.push(label);
        else if (!inferred?.shape || inferred.shape.includes(null)) open.push(label);
      }
    }
    expect(wrong).toEqual([]);
    console.log(outputs, open.length, open.join('\n'));
  });
});
