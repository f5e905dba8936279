/**
 * What the readers of this folder give: pictures with a class or a mask, or arrays that are fed as they are.
 */
import type { Tensor } from '../graph/tensor.ts';

/** An 8-bit picture (height, width, channels), row-major, channels interleaved: one of grey or three of RGB. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** One picture and what is known of it. */
export interface PictureSample {
  /** File name, where the sample is a file. */
  readonly name?: string;
  readonly pixels: Pixels;
  /** Class index. */
  readonly label?: number;
  /** Of the size of `pixels`, one channel; anything above zero is foreground. */
  readonly mask?: Pixels;
}

/** Pictures by index, read one at a time: a folder may hold more than memory does. */
export interface PictureDataset {
  readonly kind: 'pictures';
  /** The data spec it was opened from. */
  readonly name: string;
  readonly count: number;
  /** What the samples are to be judged by. */
  readonly truth: 'label' | 'mask';
  /** Sample `index`, from 0 to count − 1; rejects with `FormatError` where a file cannot be read. */
  sample(index: number): Promise<PictureSample>;
}

/** Arrays for models whose inputs are not pictures; all have the samples along their first axis. */
export interface ArrayDataset {
  readonly kind: 'arrays';
  readonly name: string;
  readonly count: number;
  /** By array name. */
  readonly arrays: ReadonlyMap<string, Tensor>;
}

export type Dataset = PictureDataset | ArrayDataset;
