import { describe, expect, it } from 'vitest';
import { readOnnxFile } from '../../../formats/onnx/file.ts';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import type { Model } from '../../../src/graph/graph.ts';
import { opSpec, TARGET_OPSET } from '../../../src/graph/op-table.ts';
import { simplify } from '../../../src/graph/passes/simplify.ts';
import { largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';
import { hasShared, sharedPath } from '../../support/shared-data.ts';

const FOLDER = 'models/onnx';

/** Nodes that each model is left with, and how far its outputs may move. */
const MODELS: readonly (readonly [name: string, nodes: number, tolerance: number])[] = [
  ['cifar10-resnet20-akamaster', 56, 1e-5],
  ['cifar10-resnet20-akamaster-dynamo-op20', 56, 1e-5],
  ['darknet-tiny-imagenet-ml5', 37, 1e-5],
  ['keras-mlperf-tiny-resnet8-cifar10-export', 25, 1e-5],
  ['lenet5-mnist', 10, 1e-5],
  ['mnist-ort-examples', 8, 1e-5],
  ['mnist-vit-6l-researchase', 282, 1e-5],
  ['mobilenetv2-nsfwjs-keras3export', 108, 1e-5],
  ['squeezenet-fp16-imagenet-winml', 65, 1e-3],
  ['style-candy-winml', 58, 1e-5],
  ['superres-espcn-core', 8, 1e-5],
  ['ultraface-version-RFB-320', 128, 1e-5],
  ['ultraface-version-RFB-320_simplified', 110, 1e-5],
  ['yolox-nano', 369, 1e-5],
];

/** Operators and attributes that the compact graph coding has no words for. */
function unknownParts({ graph }: Model): string[] {
  return graph.nodes.flatMap((node) => {
    const spec = opSpec(node.op);
    if (!spec) return [node.op];
    return [...node.attributes]
      .filter(([name, { type }]) => !spec.attributes.some((known) => known.name === name && known.type === type))
      .map(([name]) => `${node.op}.${name}`);
  });
}

describe.skipIf(!hasShared(FOLDER))('simplify (skipped without the shared models)', () => {
  it.each(MODELS)('leaves %s with %i nodes and the same outputs', async (name, nodes, tolerance) => {
    const model = await readOnnxFile(sharedPath(`${FOLDER}/${name}.onnx`));
    const feeds = seededFeeds(model, name.startsWith('style') ? () => 1 : undefined);
    const expected = await runModel(model, feeds);
    const result = await simplify(model, { evaluate: onnxruntimeEvaluate });
    expect(result).toEqual({ normalization: { normalized: true }, unfolded: [] });
    expect(model.graph.nodes.length).toBe(nodes);
    expect(model.opsets).toEqual(new Map([['', TARGET_OPSET]]));
    expect(unknownParts(model)).toEqual([]);
    expect(largestDifference(expected, await runModel(model, feeds))).toBeLessThan(tolerance);
  });
});

describe.skipIf(!hasShared('models/unet-759'))('the paper’s UNet (skipped without the shared models)', () => {
  it('keeps its 19 convolutions, 18 norms and little else', async () => {
    const weights = new Uint8Array(124_099_840);
    const { readFileSync } = await import('node:fs');
    const bytes = readFileSync(sharedPath('models/unet-759/model.onnx'));
    const model = readOnnx(bytes, { externalData: () => weights });
    await simplify(model, { evaluate: onnxruntimeEvaluate });
    const counts: Record<string, number> = {};
    for (const { op } of model.graph.nodes) counts[op] = (counts[op] ?? 0) + 1;
    expect(counts).toEqual({
      Conv: 19,
      InstanceNormalization: 18,
      Relu: 18,
      MaxPool: 4,
      ConvTranspose: 4,
      Concat: 4,
      Pad: 4,
    });
  });
});
