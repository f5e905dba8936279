/**
 * Two folders, pictures and their masks, paired by file name.
 */
import { join, parse } from 'node:path';
import { FormatError } from '../errors.ts';
import type { PictureDataset } from './dataset.ts';
import { listPictures, readPicture } from './picture.ts';

/**
 * What may pair a mask with its picture, first that fits all pictures: the same name without extension; the same but
 * for a suffix such as `_mask`; the same last number (`in0003.png` and `gt0003.png`).
 */
const PAIRINGS: readonly ((stem: string) => string | undefined)[] = [
  (stem) => stem,
  (stem) => stem.replace(/[-_.](mask|gt|label|seg)$/i, ''),
  (stem) => /\d+(?=\D*$)/.exec(stem)?.[0],
];

/**
 * Every picture of `imageFolder` with its mask from `maskFolder`; masks without a picture are left alone. Throws
 * `FormatError` where a picture has no mask, and on reading where the two differ in size.
 */
export async function openSegmentation(imageFolder: string, maskFolder: string, name: string): Promise<PictureDataset> {
  const images = await listPictures(imageFolder);
  const masks = pairMasks(images, await listPictures(maskFolder), imageFolder, maskFolder);
  return {
    kind: 'pictures',
    name,
    count: images.length,
    truth: 'mask',
    sample: async (index) => {
      const [file, maskFile] = [images[index]!, masks[index]!];
      const pixels = await readPicture(join(imageFolder, file), 'rgb');
      const mask = await readPicture(join(maskFolder, maskFile), 'grey');
      if (mask.width !== pixels.width || mask.height !== pixels.height) {
        const sizes = `${mask.width}×${mask.height}, its picture ${file} ${pixels.width}×${pixels.height}`;
        throw new FormatError('segmentation', `mask ${maskFile} is ${sizes}`);
      }
      return { name: file, pixels, mask };
    },
  };
}

function pairMasks(images: string[], masks: string[], imageFolder: string, maskFolder: string): string[] {
  let unpaired = images[0];
  for (const pairing of PAIRINGS) {
    const key = (file: string) => pairing(parse(file).name);
    const byKey = new Map(masks.map((mask) => [key(mask), mask]));
    const keys = images.map(key);
    const unique = byKey.size === masks.length && new Set(keys).size === images.length;
    if (!unique) continue;
    const missing = images.find((_, index) => keys[index] === undefined || !byKey.has(keys[index]));
    if (missing === undefined) return keys.map((key) => byKey.get(key)!);
    unpaired = missing;
  }
  throw new FormatError('segmentation', `no mask in ${maskFolder} goes with ${join(imageFolder, unpaired!)}`);
}
