/**
 * The binary version of CIFAR-10 (A. Krizhevsky, "The CIFAR-10 dataset"): records of a label byte and 32×32 pixels,
 * all red ones first, then green, then blue.
 */
import { FormatError } from '../errors.ts';
import { readDataFile } from './data-file.ts';
import type { PictureDataset } from './dataset.ts';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD_BYTES = 1 + 3 * PLANE;
const CLASSES = 10;

/** The records of one file, plain or gzipped. */
export async function openCifar10(path: string, name: string): Promise<PictureDataset> {
  return readCifar10(await readDataFile(path), path, name);
}

/** The records of the unpacked bytes of a file. Throws `FormatError`; `path` only serves its message. */
export function readCifar10(bytes: Uint8Array, path: string, name: string): PictureDataset {
  if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) {
    const problem = `${path} has ${bytes.length} bytes, expected a multiple of ${RECORD_BYTES} (label and 32×32 RGB)`;
    throw new FormatError('CIFAR-10', problem);
  }
  const count = bytes.length / RECORD_BYTES;
  for (let index = 0; index < count; index++) {
    const label = bytes[index * RECORD_BYTES]!;
    if (label >= CLASSES) {
      throw new FormatError(
        'CIFAR-10',
        `${path} has label ${label}, expected 0 to ${CLASSES - 1}`,
        index * RECORD_BYTES,
      );
    }
  }
  return {
    kind: 'pictures',
    name,
    count,
    truth: 'label',
    sample: async (index) => {
      const start = index * RECORD_BYTES;
      const data = new Uint8Array(3 * PLANE);
      for (let channel = 0; channel < 3; channel++) {
        const plane = start + 1 + channel * PLANE;
        for (let pixel = 0; pixel < PLANE; pixel++) data[3 * pixel + channel] = bytes[plane + pixel]!;
      }
      return { pixels: { width: SIDE, height: SIDE, channels: 3, data }, label: bytes[start]! };
    },
  };
}
