/**
 * The ONNX project's own node tests: every model survives read → write unchanged, and onnxruntime cannot tell the rewritten
 * model from the original.
 */
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { readTensor } from '../../../formats/onnx/read-tensor.ts';
import { messageOf } from '../../../formats/onnx/wire-read.ts';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { openOnnx } from '../../../src/onnxruntime.ts';
import { decodedIndependently } from '../../support/onnx-proto.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';
import { readTarGz } from '../../support/tar.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** Models of operator set 1, which this project does not read. */
const TOO_OLD = ['test_not_2d', 'test_not_3d', 'test_not_4d'];

/** Subgraphs, strings, optional inputs and another domain. */
const KINDS = [
  'test_if',
  'test_loop11',
  'test_scan9_sum',
  'test_range_int32_type_negative_delta_expanded',
  'test_string_concat',
  'test_optional_has_element_empty_no_input_name_tensor_input',
  'test_ai_onnx_ml_label_encoder_string_int',
];

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  const files = hasShared(ARCHIVE) ? readTarGz(sharedPath(ARCHIVE)) : new Map<string, Uint8Array>();
  const folders = [...files.keys()].filter((path) => path.endsWith('/model.onnx')).map((path) => path.slice(0, -11));
  const readable = folders.filter((folder) => !TOO_OLD.some((name) => folder.endsWith(`/${name}`)));
  const modelBytes = (folder: string) => files.get(`${folder}/model.onnx`)!;

  it('come back from read → write → read as the same IR', () => {
    expect(folders.length).toBe(1450);
    expect(readable.length).toBe(1447);
    for (const folder of readable) {
      const model = readOnnx(modelBytes(folder));
      expect(readOnnx(writeOnnx(model)), folder).toEqual(model);
    }
  });

  it('are the same models to onnx-proto, which shares no code with the reader and the writer', () => {
    for (const folder of readable) {
      const bytes = modelBytes(folder);
      expect(decodedIndependently(writeOnnx(readOnnx(bytes))), folder).toEqual(decodedIndependently(bytes));
    }
  });

  it('of operator set 1 are refused', () => {
    for (const folder of folders.filter((name) => !readable.includes(name))) {
      expect(() => readOnnx(modelBytes(folder)), folder).toThrow(UnsupportedError);
      expect(() => readOnnx(modelBytes(folder)), folder).toThrow('operator set 1');
    }
  });

  it('give onnxruntime the same outputs, or the same reason to refuse, after a rewrite', async () => {
    const ran = new Set<string>();
    for (const folder of readable) {
      const bytes = modelBytes(folder);
      const inputs: (Uint8Array | undefined)[] = [];
      for (let index = 0; files.has(`${folder}/test_data_set_0/input_${index}.pb`); index++) {
        inputs.push(files.get(`${folder}/test_data_set_0/input_${index}.pb`));
      }
      const original = await outcome(bytes, inputs);
      const rewritten = await outcome(writeOnnx(readOnnx(bytes)), inputs);
      expect(rewritten, folder).toEqual(original);
      if (typeof original !== 'string') ran.add(folder.split('/').at(-1)!);
    }
    // onnxruntime lacks some operators and types; what it does run must stay most of the suite, and every kind of graph.
    expect(ran.size).toBeGreaterThan(1200);
    expect(KINDS.filter((name) => !ran.has(name))).toEqual([]);
  });
});

/** What onnxruntime makes of a model: its outputs, or the message of its error. */
async function outcome(
  model: Uint8Array,
  inputs: readonly (Uint8Array | undefined)[],
): Promise<Map<string, Tensor> | string> {
  try {
    const session = await openOnnx(model, { engine: 'node', threads: 1 });
    try {
      // onnxruntime-node ends the process when it has to hand over a tensor of 4-bit elements.
      if (session.outputs.some(({ dtype }) => /int4$/.test(dtype))) return '4-bit output, not run';
      const feeds = new Map<string, Tensor>();
      for (const [index, { name }] of session.inputs.entries()) {
        const { tensor } = readTensor(messageOf(inputs[index]!), NO_EXTERNAL, 'initializer');
        feeds.set(name, tensor);
      }
      return await session.run(feeds);
    } finally {
      await session.release();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

const NO_EXTERNAL = () => {
  throw new Error('the node tests have no external data');
};
