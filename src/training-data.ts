/**
 * Data sets as a fit takes them: batches of any samples, varied by shifts and flips where that is wanted.
 */
import { assignArrays } from './data/array-roles.ts';
import type { ArrayDataset, Dataset, PictureDataset, PictureSample, Pixels } from './data/dataset.ts';
import { fitSample, type PictureInputOptions, pictureInput, picturesToTensor } from './data/picture-input.ts';
import { elementsOf, tensorFromNumbers } from './data/tensor-numbers.ts';
import { FormatError } from './errors.ts';
import type { TrainingBatch, TrainingData } from './fit/data.ts';
import type { Random } from './fit/random.ts';
import { byteLength } from './graph/dtype.ts';
import { PREPARATION_DEFAULTS, type Preparation } from './graph/preparation.ts';
import { elementCount, numericTensor, type Tensor } from './graph/tensor.ts';
import type { TensorInfo } from './onnxruntime.ts';

export interface TrainingDataOptions extends PictureInputOptions {
  /** Height and width that pictures are fed at, even where the model declares others. */
  size?: readonly [height: number, width: number];
  preparation?: Partial<Preparation>;
  /** Only the first samples. */
  limit?: number;
  /** Pictures are shifted by up to so many pixels each way; 0 unless given. What comes in at the edges is black. */
  shift?: number;
  /** Half of the pictures are mirrored. */
  flip?: boolean;
}

/**
 * The samples of `dataset` for a model with these inputs and outputs. Throws as `pictureInput` and `assignArrays` do; its batches
 * reject as the data readers do.
 */
export function trainingData(
  model: { inputs: readonly TensorInfo[]; outputs: readonly TensorInfo[] },
  dataset: Dataset,
  options: TrainingDataOptions = {},
): TrainingData {
  return dataset.kind === 'pictures' ? pictures(model.inputs, dataset, options) : arrays(model, dataset, options);
}

/** Pictures that are kept once they are read and fitted. */
const MOST_KEPT_BYTES = 2 ** 29;

function pictures(inputs: readonly TensorInfo[], dataset: PictureDataset, options: TrainingDataOptions): TrainingData {
  const { preparation: given, limit = dataset.count, shift = 0, flip = false, size, ...declared } = options;
  const own = pictureInput(inputs, declared);
  const input = size ? { ...own, height: size[0], width: size[1] } : own;
  const preparation = { ...PREPARATION_DEFAULTS, ...given };
  const kept = new Map<number, PictureSample>();
  let keptBytes = 0;
  const sampleAt = async (index: number): Promise<PictureSample> => {
    const known = kept.get(index);
    if (known) return known;
    const sample = await fitSample(await dataset.sample(index), input);
    keptBytes += sample.pixels.data.length + (sample.mask?.data.length ?? 0);
    if (keptBytes < MOST_KEPT_BYTES) kept.set(index, sample);
    return sample;
  };
  return {
    count: Math.min(limit, dataset.count),
    truth: dataset.truth === 'mask' ? 'masks' : 'labels',
    async batch(indices, random) {
      const samples: PictureSample[] = [];
      for (const index of indices) {
        const sample = await sampleAt(index);
        samples.push(random ? varied(sample, shift, flip, random) : sample);
      }
      const pixels = samples.map((sample) => sample.pixels);
      const feeds = new Map<string, Tensor>([[input.name, picturesToTensor(pixels, input, preparation)]]);
      if (dataset.truth === 'mask') return { feeds, masks: foregroundOf(samples.map(({ mask }) => mask!)) };
      const labels = samples.map(({ label }) => label);
      return labels.includes(undefined) ? { feeds } : { feeds, labels: labels as number[] };
    },
  };
}

function foregroundOf(masks: readonly Pixels[]): Float32Array {
  const size = masks[0]!.data.length;
  const result = new Float32Array(masks.length * size);
  masks.forEach(({ data }, at) => {
    for (let pixel = 0; pixel < size; pixel++) result[at * size + pixel] = data[pixel]! > 0 ? 1 : 0;
  });
  return result;
}

function varied(sample: PictureSample, shift: number, flip: boolean, random: Random): PictureSample {
  const down = random.below(2 * shift + 1) - shift;
  const right = random.below(2 * shift + 1) - shift;
  const isFlipped = flip && random.uniform() < 0.5;
  const move = (pixels: Pixels) => moved(pixels, down, right, isFlipped);
  return { ...sample, pixels: move(sample.pixels), ...(sample.mask && { mask: move(sample.mask) }) };
}

/** The picture mirrored from left to right, if wanted, then moved. */
function moved(pixels: Pixels, down: number, right: number, isFlipped: boolean): Pixels {
  if (down === 0 && right === 0 && !isFlipped) return pixels;
  const { width, height, channels, data } = pixels;
  const result = new Uint8Array(data.length);
  for (let y = Math.max(0, down); y < Math.min(height, height + down); y++) {
    for (let x = Math.max(0, right); x < Math.min(width, width + right); x++) {
      const from = isFlipped ? width - 1 - (x - right) : x - right;
      const source = ((y - down) * width + from) * channels;
      const to = (y * width + x) * channels;
      for (let channel = 0; channel < channels; channel++) result[to + channel] = data[source + channel]!;
    }
  }
  return { ...pixels, data: result };
}

function arrays(
  model: { inputs: readonly TensorInfo[]; outputs: readonly TensorInfo[] },
  dataset: ArrayDataset,
  { limit = dataset.count }: TrainingDataOptions,
): TrainingData {
  const roles = assignArrays(dataset, model);
  const feeds = new Map(
    model.inputs.map(({ name, dtype }) => {
      const array = roles.inputs.get(name)!;
      return [name, array.dtype === dtype ? array : tensorFromNumbers(dtype, array.shape, elementsOf(array))];
    }),
  );
  const labels = roles.labels && elementsOf(roles.labels);
  if (labels && labels.length !== dataset.count) {
    throw new FormatError('npz', `${dataset.name} has ${labels.length} labels, expected ${dataset.count}`);
  }
  const expected = new Map([...roles.outputs].map(([name, array]) => [name, Float32Array.from(elementsOf(array))]));
  return {
    count: Math.min(limit, dataset.count),
    truth: labels ? 'labels' : expected.size > 0 ? 'outputs' : 'none',
    async batch(indices): Promise<TrainingBatch> {
      const chosen = new Map([...feeds].map(([name, tensor]) => [name, rowsOf(tensor, indices)]));
      if (labels) return { feeds: chosen, labels: Array.from(indices, (index) => labels[index]!) };
      if (expected.size === 0) return { feeds: chosen };
      const outputs = new Map(
        [...expected].map(([name, values]) => {
          const width = values.length / dataset.count;
          const rows = new Float32Array(indices.length * width);
          indices.forEach((index, row) => {
            rows.set(values.subarray(index * width, (index + 1) * width), row * width);
          });
          return [name, rows];
        }),
      );
      return { feeds: chosen, outputs };
    },
  };
}

function rowsOf(tensor: Tensor, indices: Uint32Array): Tensor {
  if (tensor.dtype === 'string') throw new TypeError('a fit cannot be fed strings');
  const shape = [indices.length, ...tensor.shape.slice(1)];
  const bytes = byteLength(tensor.dtype, elementCount(shape.slice(1)));
  const data = new Uint8Array(indices.length * bytes);
  indices.forEach((index, row) => {
    data.set(tensor.data.subarray(index * bytes, (index + 1) * bytes), row * bytes);
  });
  return numericTensor(tensor.dtype, shape, data);
}
