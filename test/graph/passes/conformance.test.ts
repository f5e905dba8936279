import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { readTensor } from '../../../formats/onnx/read-tensor.ts';
import { messageOf } from '../../../formats/onnx/wire-read.ts';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import type { Model } from '../../../src/graph/graph.ts';
import { simplify } from '../../../src/graph/passes/simplify.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { OnnxruntimeError } from '../../../src/onnxruntime.ts';
import { copyOf, largestDifference, runModel } from '../../support/run-model.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';
import { readTarGz } from '../../support/tar.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** What changes when a graph is simplified other than in its weights and names. */
const structureOf = ({ graph }: Model): string =>
  graph.nodes.map(({ op, inputs, attributes }) => `${op}/${inputs.length}(${[...attributes.keys()]})`).join();

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  it('give the same in onnxruntime after simplify', { timeout: 120_000 }, async () => {
    const files = readTarGz(sharedPath(ARCHIVE));
    const different: string[] = [];
    let compared = 0;
    for (const path of files.keys()) {
      // Operator set 1 is not read.
      if (!path.endsWith('/model.onnx') || /test_not_[234]d/.test(path)) continue;
      const model = readOnnx(files.get(path)!);
      const { graph } = model;
      const types = [...graph.inputs, ...graph.outputs].map(({ type }) => type);
      // onnxruntime's JavaScript interface has only tensors, and ends the process on those of 4 bits.
      if (types.some((type) => type?.kind !== 'tensor' || type.dtype.endsWith('int4'))) continue;
      // All inputs but the first become constants, so that there is something to fold.
      const feeds = new Map<string, Tensor>();
      for (const [index, { name }] of graph.inputs.entries()) {
        const bytes = files.get(path.replace('model.onnx', `test_data_set_0/input_${index}.pb`));
        if (!bytes) continue;
        const { tensor } = readTensor(messageOf(bytes), () => new Uint8Array(), 'initializer');
        if (index === 0) feeds.set(name, tensor);
        else graph.initializers.set(name, tensor);
      }
      graph.inputs.splice(1);
      const before = copyOf(model);
      await simplify(model, { evaluate: onnxruntimeEvaluate });
      if (structureOf(before) === structureOf(model)) continue;
      const expected = await runModel(before, feeds).catch((error: unknown) => error);
      // There are operators that onnxruntime does not have.
      if (expected instanceof OnnxruntimeError || expected instanceof TypeError) continue;
      if (!(expected instanceof Map)) throw expected;
      compared++;
      const difference = largestDifference(expected, await runModel(model, feeds));
      if (!(difference <= 1e-5)) different.push(`${path}: ${difference}`);
    }
    expect(different).toEqual([]);
    expect(compared).toBeGreaterThan(450);
  });
});
