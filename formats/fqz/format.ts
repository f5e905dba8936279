/**
 * The constants of the `.fqz` container, versions 1 and 2 (SPEC.md, "Layout" and "Limits").
 */
import { FormatError } from '../../src/errors.ts';

/** The error for bytes that cannot be, as found behind a correct checksum. */
export function damaged(problem: string): FormatError {
  return new FormatError('fqz', `${problem}: the file is damaged`);
}

/** `value`, which is refused where it is above `most`; `what` says where it stands. */
export function atMost(what: string, value: number, most: number): number {
  if (value <= most) return value;
  throw damaged(`${what}: ${value}, expected at most ${most}`);
}

/** `FQZ`, then the version byte. */
export const MAGIC = [0x46, 0x51, 0x5a] as const;
/** A file is of the first version that has all it uses: version 2 has chains of dependent quantisation, and layers. */
export const FIRST_VERSION = 1;
export const NEWEST_VERSION = 2;

/** Magic and version in front, CRC-32 behind. */
export const HEADER_BYTES = 4;
export const CHECKSUM_BYTES = 4;

/** Most nodes, weights, elements of a list or tensor among the attributes, and bytes of a text that a reader accepts. */
export const MOST_ITEMS = 1 << 20;
/** Most inputs or outputs of the graph, or of one node. */
export const MOST_PORTS = 1 << 12;
/** Most axes of a tensor, and most operands of a network. */
export const MOST_AXES = 16;
/** Most elements of one dense tensor. */
export const MOST_ELEMENTS = 2 ** 31 - 1;
export const MOST_LABELS = 1 << 16;
/** Most layers of a file, the first included. */
export const MOST_LAYERS = 8;
/** Most that a layer makes levels finer by, and the largest magnitude of what it makes of them. */
export const LARGEST_FACTOR = 255;
export const LARGEST_LEVEL = 2 ** 24 - 1;

/**
 * Nodes, ports, list elements, bytes of text and the like that a section of `bytes` may count out. They cost a bit or
 * more each in real graphs; what promises more than this is hostile.
 */
export function largestItemCount(bytes: number): number {
  return 2 ** 15 + 16 * bytes;
}

/**
 * Bytes of memory that the numbers of all weights may take, given the `bytes` that stand for them: four for each number
 * of a network, the elements themselves for exact tensors. The coder spends at least 0.011 bits on a number, so a real
 * file stays below this but for large tensors of equal elements; what promises more is hostile.
 */
export function largestMemory(bytes: number): number {
  return 2 ** 24 + 6144 * bytes;
}

/** Memory that a string of a tensor counts for, its own bytes apart. */
export const STRING_MEMORY = 128;

/** Slot of the weights of a graph that is stored as ONNX, whose uses are not known. */
export const FOREIGN_SLOT = 'onnx';
