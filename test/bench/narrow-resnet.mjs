/**
 * ResNet-20 for CIFAR-10 at any width: the control of a fit, a plain net that simply has fewer channels.
 */
import { float32Tensor, numericTensor, onnxruntimeEvaluate, readOnnxFile } from 'fqz';
import { simplify } from '../../dist/src/graph/passes/simplify.js';

/** Channels of the first stage as it was published; the others have twice and four times as many. */
const PUBLISHED = 16;

/** Filters, biases and classifier of the net with `width` channels in its first stage. */
export const numbersAt = (width) => 1044 * width ** 2 + 110 * width + 10;

/** The width whose net has nearly `numbers` numbers. */
export function widthOf(numbers) {
  const exact = (Math.sqrt(110 ** 2 + 4 * 1044 * (numbers - 10)) - 110) / (2 * 1044);
  return Math.min(PUBLISHED, Math.max(1, Math.round(exact)));
}

/**
 * The ResNet-20 at `path` with `width` channels in its first stage. Its weights are all different and mean nothing: it is to be
 * trained from scratch.
 */
export async function narrowResnet(path, width) {
  const model = await readOnnxFile(path);
  await simplify(model, { evaluate: onnxruntimeEvaluate });
  const { graph } = model;
  const narrow = (size) => (size % PUBLISHED === 0 ? (size / PUBLISHED) * width : size);
  let number = 0;
  for (const [name, { dtype, shape }] of graph.initializers) {
    if (dtype !== 'float32') continue;
    const own = shape.map(narrow);
    const values = Float32Array.from({ length: own.reduce((product, size) => product * size, 1) }, () =>
      Math.sin(number++),
    );
    graph.initializers.set(name, float32Tensor(own, values));
  }
  // The shortcut between two stages pads the channels with zeros, half of them on either side.
  for (const node of graph.nodes.filter(({ op }) => op === 'Pad')) {
    const { data } = graph.initializers.get(node.inputs[1]);
    const pads = BigInt64Array.from(new BigInt64Array(data.slice().buffer), (pad, at) => {
      const half = (Number(pad) * width) / PUBLISHED;
      return BigInt(at < 4 ? Math.floor(half) : Math.ceil(half));
    });
    node.inputs[1] = `${node.outputs[0]}/pads`;
    graph.initializers.set(node.inputs[1], numericTensor('int64', [pads.length], new Uint8Array(pads.buffer)));
  }
  return model;
}
