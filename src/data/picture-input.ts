/**
 * Pictures into the input tensor of a model: size, layout, channels and the affine map of `Preparation`.
 */
import type { Dim } from '../graph/graph.ts';
import type { Preparation } from '../graph/preparation.ts';
import type { NumericTensor } from '../graph/tensor.ts';
import type { TensorInfo } from '../onnxruntime.ts';
import type { PictureSample, Pixels } from './dataset.ts';
import { coverSize } from './picture.ts';
import { tensorFromNumbers } from './tensor-numbers.ts';

/** Order of the axes of a picture input. */
export type Layout = 'nchw' | 'nhwc';

/** How a model takes pictures; `null` stands for a dimension that the model leaves open. */
export interface PictureInput {
  readonly name: string;
  readonly dtype: NumericTensor['dtype'];
  /** 4 for (N, C, H, W) and (N, H, W, C), 3 for grey (N, H, W), 2 for flattened pixels (N, C·H·W). */
  readonly rank: 2 | 3 | 4;
  readonly layout: Layout;
  readonly batch: number | null;
  readonly channels: number | null;
  readonly height: number | null;
  readonly width: number | null;
}

export interface PictureInputOptions {
  /** Channels last where only the last dimension is 1 or 3, channels first otherwise, unless given. */
  layout?: Layout;
  /** Height and width of the input; by default the model's, or the picture's own where the model leaves it open. */
  size?: readonly [height: number, width: number];
}

const fixed = (dim: Dim | undefined): number | null => (typeof dim === 'number' ? dim : null);

/**
 * Finds out how a model with these inputs takes pictures. Throws `TypeError` where it has not one input of 2 to 4
 * dimensions, and `RangeError` where `size` contradicts it.
 */
export function pictureInput(inputs: readonly TensorInfo[], options: PictureInputOptions = {}): PictureInput {
  const [input] = inputs;
  if (!input || inputs.length !== 1) throw new TypeError(`pictures feed one input, the model has ${inputs.length}`);
  const { name, dtype, shape } = input;
  const rank = shape.length;
  if (dtype === 'string' || (rank !== 2 && rank !== 3 && rank !== 4)) {
    throw new TypeError(`input ${name} (${dtype} [${shape.map((dim) => dim ?? '?')}]) takes no pictures`);
  }
  const isColours = (dim: Dim | undefined) => dim === 1 || dim === 3;
  const layout = options.layout ?? (rank === 4 && isColours(shape[3]) && !isColours(shape[1]) ? 'nhwc' : 'nchw');
  const [batch, ...rest] = shape.map(fixed);
  const [channels, height, width] =
    rank === 2
      ? [null, null, null]
      : rank === 3
        ? [1, ...rest]
        : layout === 'nchw'
          ? rest
          : [rest[2], rest[0], rest[1]];
  const [wantedHeight, wantedWidth] = options.size ?? [height ?? null, width ?? null];
  if ((height ?? wantedHeight) !== wantedHeight || (width ?? wantedWidth) !== wantedWidth) {
    throw new RangeError(
      `size ${wantedHeight}x${wantedWidth} given, input ${name} takes ${height ?? '?'}x${width ?? '?'}`,
    );
  }
  return {
    name,
    dtype,
    rank,
    layout,
    batch: batch ?? null,
    channels: channels ?? null,
    height: wantedHeight,
    width: wantedWidth,
  };
}

/** The sample with its picture, and its mask alike, at the size of the input (see `coverSize`). */
export async function fitSample(sample: PictureSample, { height, width }: PictureInput): Promise<PictureSample> {
  const { pixels, mask } = sample;
  const size = [height ?? pixels.height, width ?? pixels.width] as const;
  return {
    ...sample,
    pixels: await coverSize(pixels, ...size),
    ...(mask && { mask: await coverSize(mask, ...size, 'nearest') }),
  };
}

/**
 * The input tensor for `pictures`, all of one size: values `(pixel / scale − mean) / std`, rounded for integer types.
 * Throws `RangeError` where the pictures or the lists of `preparation` do not fit the input.
 */
export function picturesToTensor(
  pictures: readonly Pixels[],
  input: PictureInput,
  preparation: Preparation,
): NumericTensor {
  const [first] = pictures;
  if (!first) throw new RangeError('a batch needs a picture');
  const { height, width } = first;
  const channels = input.channels ?? first.channels;
  if (channels !== 1 && channels !== 3)
    throw new RangeError(`input ${input.name} takes ${channels} channels, not 1 or 3`);
  const tables = valueTables(preparation, channels);
  const values = new Float32Array(pictures.length * channels * height * width);
  const plane = height * width;
  for (const [index, picture] of pictures.entries()) {
    if (picture.height !== height || picture.width !== width) {
      throw new RangeError('the pictures of one batch differ in size and the model fixes none: give a size');
    }
    const pixels = withChannels(picture, channels);
    const start = index * channels * plane;
    for (let channel = 0; channel < channels; channel++) {
      const source = preparation.channels === 'bgr' ? channels - 1 - channel : channel;
      const table = tables[channel]!;
      const [offset, stride] = input.layout === 'nchw' ? [channel * plane, 1] : [channel, channels];
      for (let pixel = 0; pixel < plane; pixel++) {
        values[start + offset + pixel * stride] = table[pixels[pixel * channels + source]!]!;
      }
    }
  }
  const picture = input.layout === 'nchw' ? [channels, height, width] : [height, width, channels];
  const shapes = { 4: picture, 3: [height, width], 2: [channels * height * width] };
  return tensorFromNumbers(input.dtype, [pictures.length, ...shapes[input.rank]], values);
}

/** The value of each of the 256 pixel values, per channel of the input. */
function valueTables({ scale, mean, std }: Preparation, channels: number): Float32Array[] {
  const perChannel = (list: readonly number[], what: string) => {
    if (list.length !== 1 && list.length !== channels) {
      throw new RangeError(`${what} has ${list.length} values, the input ${channels} channels`);
    }
    return (channel: number) => list[list.length === 1 ? 0 : channel]!;
  };
  const [meanOf, stdOf] = [perChannel(mean, 'mean'), perChannel(std, 'std')];
  if (scale === 0 || std.includes(0)) throw new RangeError('scale and std must not be 0');
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: 256 }, (_, pixel) => (pixel / scale - meanOf(channel)) / stdOf(channel)),
  );
}

/** Interleaved pixels with this many channels: grey is repeated, colours become luma (ITU-R BT.601). */
function withChannels({ data, channels, width, height }: Pixels, wanted: 1 | 3): Uint8Array {
  if (channels === wanted) return data;
  const count = width * height;
  const result = new Uint8Array(count * wanted);
  for (let pixel = 0; pixel < count; pixel++) {
    if (wanted === 3) result.fill(data[pixel]!, 3 * pixel, 3 * pixel + 3);
    else {
      const [red, green, blue] = [data[3 * pixel]!, data[3 * pixel + 1]!, data[3 * pixel + 2]!];
      result[pixel] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    }
  }
  return result;
}
