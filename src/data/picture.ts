/**
 * Picture files and picture arithmetic: decoding and resizing by sharp (libvips), which is loaded only when needed.
 */
import { readdir } from 'node:fs/promises';
import { extname } from 'node:path';
import type { ResizeOptions, Sharp } from 'sharp';
import { FormatError } from '../errors.ts';
import type { Pixels } from './dataset.ts';

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif']);

/** Names of the picture files in `folder`, sorted by code unit; `FormatError` where there is none. */
export async function listPictures(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => EXTENSIONS.has(extname(file).toLowerCase()));
  if (files.length === 0) {
    throw new FormatError('images', `no picture (${[...EXTENSIONS].map((e) => e.slice(1)).join(', ')}) in ${folder}`);
  }
  return files.sort();
}

/**
 * A picture file as RGB or, for masks, as one channel of grey: turned as its EXIF orientation says, without alpha. Of
 * an animation, the first picture. Rejects with `FormatError` for what sharp cannot decode.
 */
export async function readPicture(path: string, colours: 'rgb' | 'grey'): Promise<Pixels> {
  const { default: sharp } = await import('sharp');
  try {
    const upright = sharp(path).autoOrient().removeAlpha();
    return await raw(colours === 'rgb' ? upright.toColourspace('srgb') : upright.greyscale());
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new FormatError('image', `${path} cannot be decoded (${problem})`, undefined, { cause });
  }
}

/**
 * `pixels` at another size: scaled until it covers height × width, then cut at the centre. `nearest` keeps every
 * value one that was there, as masks need.
 */
export async function coverSize(
  pixels: Pixels,
  height: number,
  width: number,
  kernel: 'cubic' | 'nearest' = 'cubic',
): Promise<Pixels> {
  if (pixels.height === height && pixels.width === width) return pixels;
  const { default: sharp } = await import('sharp');
  const options: ResizeOptions = { width, height, fit: 'cover', position: 'centre', kernel };
  const image = sharp(pixels.data, { raw: { width: pixels.width, height: pixels.height, channels: pixels.channels } });
  const resized = image.resize(options);
  return raw(pixels.channels === 1 ? resized.greyscale() : resized);
}

async function raw(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 1 && info.channels !== 3) throw new Error(`it has ${info.channels} channels`);
  return { width: info.width, height: info.height, channels: info.channels, data };
}
