/**
 * Arrays as Keras 2 orders them, from files of Keras 1 and of the Theano backend, following Keras 2's own loader
 * (`preprocess_weights_for_loading` in its HDF5 reader).
 */
import { FormatError } from '../../src/errors.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import { permutedArray } from './array-order.ts';
import { property } from './json.ts';
import { isKeras1 } from './keras-1.ts';
import type { KerasArray, KerasLayer } from './keras-model.ts';

/** Which Keras wrote a file. */
export interface Origin {
  readonly kerasVersion: string;
  /** Such as `tensorflow`; not in all files. */
  readonly backend: string | undefined;
}

const CONVOLUTIONS = new Set(['Conv1D', 'Conv2D', 'Conv3D', 'Conv2DTranspose']);

/** The layer's arrays as Keras 2 on TensorFlow has them. Throws `FormatError` for arrays that the layer cannot have. */
export function earlyWeights(layer: KerasLayer, { kerasVersion, backend }: Origin): readonly KerasArray[] {
  if (layer.weights.length === 0) return layer.weights;
  let { weights } = layer;
  if (isKeras1(kerasVersion)) weights = fromKeras1(layer);
  const [kernel, ...others] = weights;
  // Theano's convolution turns its kernel around.
  return backend === 'theano' && CONVOLUTIONS.has(layer.className) ? [turned(kernel!), ...others] : weights;
}

/** Axes of Keras 1's kernels, where images had their channels first, in Keras 2's order. */
const CHANNELS_FIRST: Readonly<Record<string, readonly number[]>> = {
  Conv2D: [2, 3, 1, 0],
  Conv2DTranspose: [2, 3, 0, 1],
  Conv3D: [2, 3, 4, 1, 0],
};

/** Places of the arrays of Keras 1's gates, for the kernel; recurrent kernel and bias are the next two. */
const GATES: Readonly<Record<string, readonly number[]>> = { LSTM: [0, 6, 3, 9], GRU: [0, 3, 6] };

/** The class of the layer, or of the one that it wraps; Bidirectional has the arrays of that twice. */
function wrappedClass({ className, config }: KerasLayer): string {
  const inside = property(config.layer, 'class_name');
  return typeof inside === 'string' ? inside : className;
}

function fromKeras1(layer: KerasLayer): readonly KerasArray[] {
  const { className, config, weights, path } = layer;
  const [kernel, ...others] = weights;
  const gates = GATES[wrappedClass(layer)];
  const count = gates && 3 * gates.length;
  if (count && weights.length % count === 0) {
    const starts = Array.from({ length: weights.length / count }, (_, direction) => direction * count);
    return starts.flatMap((start) =>
      [0, 1, 2].map((part) =>
        joined(
          gates.map((place) => weights[start + place + part]!),
          path,
        ),
      ),
    );
  }
  if (className === 'Conv1D' && kernel!.shape.length === 4) return [withoutSecondAxis(kernel!, config), ...others];
  const perm =
    config.data_format === 'channels_first'
      ? CHANNELS_FIRST[className]
      : className === 'Conv2DTranspose'
        ? [0, 1, 3, 2]
        : undefined;
  return perm && kernel!.shape.length === perm.length ? [transposed(kernel!, perm), ...others] : weights;
}

/** Keras 1 convolves sequences as pictures that are one pixel wide. */
function withoutSecondAxis(kernel: KerasArray, config: KerasLayer['config']): KerasArray {
  const size = Array.isArray(config.kernel_size) ? config.kernel_size[0] : config.kernel_size;
  const isLast = kernel.shape[0] === size && kernel.shape[1] === 1 && kernel.shape[3] === config.filters;
  const { shape, values } = isLast ? kernel : transposed(kernel, [2, 3, 1, 0]);
  return { shape: [shape[0]!, shape[2]!, shape[3]!], values };
}

function transposed(array: KerasArray, perm: readonly number[]): KerasArray {
  const tensor = permutedArray(array, perm);
  return { shape: tensor.shape, values: toFloat32(tensor) };
}

/** Arrays beside each other along their last axis. */
function joined(arrays: readonly KerasArray[], path: string): KerasArray {
  const rows = arrays[0]!.shape.slice(0, -1);
  const count = rows.reduce((product, size) => product * size, 1);
  if (arrays.some(({ shape }) => shape.length === 0 || `${shape.slice(0, -1)}` !== `${rows}`)) {
    throw new FormatError('Keras', `the gates of the layer ${path} have arrays of different sizes`);
  }
  const widths = arrays.map(({ shape }) => shape.at(-1)!);
  const width = widths.reduce((sum, each) => sum + each, 0);
  const values = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    let at = row * width;
    arrays.forEach((array, index) => {
      values.set(array.values.subarray(row * widths[index]!, (row + 1) * widths[index]!), at);
      at += widths[index]!;
    });
  }
  return { shape: [...rows, width], values };
}

/** A kernel with its spatial axes, all but the last two, reversed. */
function turned({ shape, values }: KerasArray): KerasArray {
  const inner = shape.slice(-2).reduce((product, size) => product * size, 1);
  const taps = values.length / inner;
  const result = new Float32Array(values.length);
  for (let tap = 0; tap < taps; tap++) {
    result.set(values.subarray(tap * inner, (tap + 1) * inner), (taps - 1 - tap) * inner);
  }
  return { shape, values: result };
}
