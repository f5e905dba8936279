/**
 * LeNet-5 in 776 numbers, as the paper of Frequency Regularization has it (Zhao et al. 2023, arXiv 2304.07973, table 1): four DCT
 * cores of 60, 200, 396 and 120 coefficients, no biases. Here they are simply the trained model's own lowest frequencies: enough to
 * measure how fast such a file starts and runs, not to recognise digits with.
 */
import { convert, dctNetwork, readFqz, readOnnxFile, writeFqz } from 'fqz';
import { dct } from '../../dist/src/codec/dct.js';
import { nearestStepCode, stepOf } from '../../dist/src/codec/step.js';
import { boundingBox, gather } from '../../dist/src/codec/support.js';
import { zigzagOrder } from '../../dist/src/codec/zigzag.js';

/** Coefficients that are kept of each weight; the first dense one is behind Flatten. */
const WEIGHTS = {
  'conv1.weight': { kept: 60 },
  'conv2.weight': { kept: 200 },
  'fc1.weight': { kept: 396, folded: [500, 50, 4, 4] },
  'fc2.weight': { kept: 120 },
};
/** Levels reach so far from zero: five bits each. */
const LARGEST_LEVEL = 15;

/** The bytes of the file, from the path of `lenet5-mnist.onnx`. */
export async function lenet776(path) {
  const model = await readOnnxFile(path);
  const trained = new Map(model.graph.initializers);
  const { graph } = readFqz((await convert(model, { precision: 'fp16', keepNames: true })).bytes);
  for (const node of graph.model.graph.nodes) node.inputs = node.inputs.filter((name) => !name.endsWith('.bias'));
  const weights = Object.entries(WEIGHTS).map(([name, { kept, folded }]) => {
    const { dtype, shape, data } = trained.get(name);
    return { name, dtype, shape, network: lowFrequencies(data, folded ?? shape, kept) };
  });
  return writeFqz({ graph, weights }).bytes;
}

function lowFrequencies(data, shape, kept) {
  const axes = [...shape.keys()];
  const values = Float64Array.from(new Float32Array(data.slice().buffer));
  dct(values, shape, axes);
  const support = zigzagOrder(shape).slice(0, kept);
  const largest = support.reduce((most, at) => Math.max(most, Math.abs(values[at])), 0);
  const step = stepOf(nearestStepCode(largest / LARGEST_LEVEL));
  const levels = new Int32Array(values.length);
  for (const at of support) levels[at] = Math.round(values[at] / step);
  const box = boundingBox(levels, shape, axes);
  return dctNetwork({ kind: 'quantized', shape: box, levels: gather(levels, shape, box), step }, shape, axes);
}
