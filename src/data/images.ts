/**
 * A folder of pictures whose class is the number that the file name starts with: `0207_n02099601_retriever.jpg`.
 */
import { join } from 'node:path';
import type { PictureDataset } from './dataset.ts';
import { listPictures, readPicture } from './picture.ts';

/** The picture files of `folder` in the order of their names. A name without a leading number has no label. */
export async function openImages(folder: string, name: string): Promise<PictureDataset> {
  const files = await listPictures(folder);
  return {
    kind: 'pictures',
    name,
    count: files.length,
    truth: 'label',
    sample: async (index) => {
      const file = files[index]!;
      const pixels = await readPicture(join(folder, file), 'rgb');
      const number = /^\d{1,9}/.exec(file);
      return number ? { name: file, pixels, label: Number(number[0]) } : { name: file, pixels };
    },
  };
}
