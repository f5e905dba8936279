/**
 * Values for a model's inputs out of the files that `--input` names: NumPy arrays, or pictures.
 */
import { readFile } from 'node:fs/promises';
import { isNpy, readNpy } from '../data/npy.ts';
import { readPicture } from '../data/picture.ts';
import { fitSample, type PictureInputOptions, pictureInput, picturesToTensor } from '../data/picture-input.ts';
import { elementsOf, tensorFromNumbers } from '../data/tensor-numbers.ts';
import { PREPARATION_DEFAULTS, type Preparation } from '../graph/preparation.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { TensorInfo } from '../onnxruntime.ts';
import { checkedStat } from './load-model.ts';

/** How pictures become values. */
export interface FeedOptions extends PictureInputOptions {
  preparation?: Partial<Preparation>;
}

/** Help for commands that take `--input`. */
export const INPUT_HELP = `
Inputs:
  --input NAME=FILE, once for every input; NAME= may be left out where there is one. FILE is a NumPy array (.npy), fed as
  it is, or a picture, whose values become (pixel / scale - mean) / std. What the file says of its input holds where no
  option says otherwise.`;

/**
 * A tensor for every input, by name, from texts such as `image=cat.jpg`. Arrays are converted to the input's type.
 * Throws `TypeError` for names that are unknown, missing or given twice, and as the readers of the files do.
 */
export async function readFeeds(
  inputs: readonly TensorInfo[],
  texts: readonly string[],
  options: FeedOptions,
): Promise<Map<string, Tensor>> {
  const feeds = new Map<string, Tensor>();
  for (const text of texts) {
    const { input, path } = inputAndPath(inputs, text);
    if (feeds.has(input.name)) throw new TypeError(`--input names ${input.name} twice`);
    feeds.set(input.name, await readValue(input, path, options));
  }
  const missing = inputs.find(({ name }) => !feeds.has(name));
  if (missing) throw new TypeError(`the input ${missing.name} is missing: --input ${missing.name}=FILE`);
  return feeds;
}

function inputAndPath(inputs: readonly TensorInfo[], text: string): { input: TensorInfo; path: string } {
  const named = inputs.find(({ name }) => text.startsWith(`${name}=`));
  if (named) return { input: named, path: text.slice(named.name.length + 1) };
  const [only, ...others] = inputs;
  if (only && others.length === 0 && !text.includes('=')) return { input: only, path: text };
  throw new TypeError(`--input ${text} is not NAME=FILE with one of ${inputs.map(({ name }) => name).join(', ')}`);
}

async function readValue(input: TensorInfo, path: string, options: FeedOptions): Promise<Tensor> {
  checkedStat(path);
  const bytes = new Uint8Array(await readFile(path));
  if (isNpy(bytes)) {
    const array = readNpy(bytes, path);
    return array.dtype === input.dtype ? array : tensorFromNumbers(input.dtype, array.shape, elementsOf(array));
  }
  const picture = pictureInput([input], options);
  const { pixels } = await fitSample({ pixels: await readPicture(path, 'rgb') }, picture);
  return picturesToTensor([pixels], picture, { ...PREPARATION_DEFAULTS, ...options.preparation });
}
