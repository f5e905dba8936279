/**
 * The global heaps of an HDF5 file ("HDF5 File Format Specification", III.E), which hold its texts of variable length. The
 * library loops for ever over a heap in which a step leads nowhere or back, so that heaps are walked through before.
 */
import { FormatError } from '../../src/errors.ts';

/** `GCOL`, version 1, and three bytes of nothing. */
const SIGNATURE = [0x47, 0x43, 0x4f, 0x4c, 1, 0, 0, 0];

/** Of a heap: the signature and the size. Of an object in it: index, references, nothing, and the size. */
const HEADER_BYTES = 16;

/** Offsets of the size in both. */
const SIZE = 8;

/** Throws `FormatError` where a heap in the file cannot be walked through to its end. */
export function checkHeaps(bytes: Uint8Array): void {
  checkLengthSize(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.indexOf(SIGNATURE[0]!); at >= 0; at = bytes.indexOf(SIGNATURE[0]!, at + 1)) {
    if (SIGNATURE.every((byte, index) => bytes[at + index] === byte)) checkHeap(view, at);
  }
}

function checkHeap(view: DataView, start: number): void {
  const end = start + length(view, start);
  let at = start + HEADER_BYTES;
  if (!(at <= end && end <= view.byteLength)) throw damaged(start);
  while (at + HEADER_BYTES <= end) {
    const size = length(view, at);
    const isFree = view.getUint16(at, true) === 0;
    const step = isFree ? size : HEADER_BYTES + Math.ceil(size / 8) * 8;
    if (!(step > 0 && at + step <= end)) throw damaged(at);
    at += step;
  }
}

const damaged = (at: number) =>
  new FormatError('Keras', 'the HDF5 file is damaged: an object does not fit its heap', at);

/** The size in the header at an offset; 0 where the file ends before. */
function length(view: DataView, at: number): number {
  return at + HEADER_BYTES <= view.byteLength ? Number(view.getBigUint64(at + SIZE, true)) : 0;
}

/** Throws `FormatError` unless the superblock says that lengths take 8 bytes, as they do in all files of h5py. */
function checkLengthSize(bytes: Uint8Array): void {
  const version = bytes[8] ?? 0;
  const at = version < 2 ? 14 : 10;
  if (bytes.length > at && bytes[at] !== 8)
    throw new FormatError('Keras', 'the HDF5 file has lengths of other than 8 bytes', at);
}
