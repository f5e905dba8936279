/**
 * A small segmentation-like network whose weights are a few low frequencies, as Frequency Regularization leaves them:
 * made here, so that tests in Node and in a browser have the same one.
 */
import { idct } from '../../src/codec/dct.ts';
import { type Dim, emptyGraph, type Model, modelOf, node } from '../../src/graph/graph.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { normal } from './random.ts';

/** Input `image` (1, 3, H, W), output `logits` (1, 2, H, W): Conv, Relu, Conv, Relu, Conv. */
export function smallModel(): Model {
  const graph = emptyGraph('small');
  const port = (name: string, shape: Dim[]) => ({ name, type: { kind: 'tensor', dtype: 'float32', shape } as const });
  graph.inputs.push(port('image', [1, 3, 'H', 'W']));
  graph.outputs.push(port('logits', [1, 2, 'H', 'W']));
  const next = normal(3);
  const layers = [
    { shape: [32, 3, 3, 3], kept: [2, 2, 2, 2] },
    { shape: [32, 32, 3, 3], kept: [3, 2, 2, 3] },
    { shape: [2, 32, 1, 1], kept: [2, 2, 1, 1] },
  ];
  let value = 'image';
  layers.forEach(({ shape, kept }, layer) => {
    const [weight, bias, conv] = [`conv${layer}.weight`, `conv${layer}.bias`, `conv${layer}`];
    const last = layer === layers.length - 1;
    graph.initializers.set(weight, float32Tensor(shape, lowFrequencies(shape, kept, next)));
    graph.initializers.set(
      bias,
      float32Tensor(
        [shape[0]!],
        Float32Array.from({ length: shape[0]! }, () => next() / 9),
      ),
    );
    const pad = (shape[2]! - 1) / 2;
    graph.nodes.push(
      node('Conv', [value, weight, bias], [last ? 'logits' : conv], {
        pads: { type: 'ints', value: [pad, pad, pad, pad] },
      }),
    );
    if (!last) graph.nodes.push(node('Relu', [conv], [`relu${layer}`]));
    value = `relu${layer}`;
  });
  return modelOf(graph, 18);
}

/** Values whose DCT over all axes has only the corner `kept`, at the scale of a usual initialisation. */
function lowFrequencies(shape: readonly number[], kept: readonly number[], next: () => number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const coefficients = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    let rest = at;
    let inside = true;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      inside &&= rest % shape[axis]! < kept[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    if (inside) coefficients[at] = next() * Math.sqrt(shape[0]!);
  }
  idct(coefficients, shape, [0, 1, 2, 3]);
  return Float32Array.from(coefficients);
}

/** Seeded noise of this shape, as a value for an input. */
export function noise(dims: number[]): { data: Float32Array; dims: number[] } {
  const count = dims.reduce((product, size) => product * size, 1);
  return { data: Float32Array.from({ length: count }, normal(5)), dims };
}
