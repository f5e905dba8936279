/**
 * The idx format of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database"): two zero bytes, an element
 * type, the rank, the big-endian dimensions, the elements.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../errors.ts';
import { readDataFile } from './data-file.ts';
import type { PictureDataset } from './dataset.ts';

/** The idx type code of unsigned bytes, the only one that MNIST and its relatives use. */
const UNSIGNED_BYTES = 0x08;
const MAX_RANK = 8;

/** An idx file of unsigned bytes. Throws `FormatError`; `path` only serves its message. */
export function readIdx(bytes: Uint8Array, path: string): { shape: number[]; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0) throw new FormatError('idx', `${path} is not an idx file`, 0);
  if (bytes[2] !== UNSIGNED_BYTES) {
    throw new FormatError('idx', `${path} has element type 0x${bytes[2]!.toString(16)}, expected 0x08 (bytes)`, 2);
  }
  const rank = bytes[3]!;
  if (rank < 1 || rank > MAX_RANK)
    throw new FormatError('idx', `${path} has rank ${rank}, expected 1 to ${MAX_RANK}`, 3);
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw new FormatError('idx', `${path} ends inside its header`, bytes.length);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = shape.reduce((product, dim) => product * dim, 1);
  if (bytes.length - start !== expected) {
    throw new FormatError('idx', `${path} holds ${bytes.length - start} elements, its header says ${expected}`, start);
  }
  return { shape, data: bytes.subarray(start) };
}

/**
 * The images and labels of one split in `folder`: `train-…` or `t10k-images-idx3-ubyte`, plain or `.gz`. Also the
 * file names with a dot before `idx`, as some archives unpack to.
 */
export async function openMnist(folder: string, split: 'train' | 'test', name: string): Promise<PictureDataset> {
  const files = await readdir(folder);
  const prefix = split === 'train' ? 'train' : 't10k';
  const find = (what: string) => {
    const pattern = new RegExp(`^${prefix}-${what}[-.]idx\\d-ubyte(\\.gz)?$`);
    const file = files.find((file) => pattern.test(file));
    if (file === undefined) throw new FormatError('idx', `no file ${prefix}-${what}-… in ${folder}`);
    return join(folder, file);
  };
  const [imagesPath, labelsPath] = [find('images'), find('labels')];
  const images = readIdx(await readDataFile(imagesPath), imagesPath);
  const labels = readIdx(await readDataFile(labelsPath), labelsPath);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (images.shape.length !== 3) {
    throw new FormatError('idx', `${imagesPath} has rank ${images.shape.length}, expected 3 (count, height, width)`);
  }
  if (count * height * width === 0) throw new FormatError('idx', `${imagesPath} holds no images: [${images.shape}]`);
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw new FormatError('idx', `${labelsPath} has shape [${labels.shape}], expected [${count}] as there are images`);
  }
  const size = height * width;
  return {
    kind: 'pictures',
    name,
    count,
    truth: 'label',
    sample: async (index) => ({
      pixels: { width, height, channels: 1, data: images.data.subarray(index * size, (index + 1) * size) },
      label: labels.data[index]!,
    }),
  };
}
