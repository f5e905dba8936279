/**
 * The constants of the `.fqz` container, version 1 (SPEC.md, "Layout" and "Limits").
 */
import { FormatError } from '../../src/errors.ts';

/** The error for bytes that cannot be, as found behind a correct checksum. */
export function damaged(problem: string): FormatError {
  return new FormatError('fqz', `${problem}: the file is damaged`);
}

/** `FQZ`, then the version byte. */
export const MAGIC = [0x46, 0x51, 0x5a] as const;
export const VERSION = 1;

/** Magic and version in front, CRC-32 behind. */
export const HEADER_BYTES = 4;
export const CHECKSUM_BYTES = 4;

/** What a reader accepts; a writer refuses to go beyond. */
export const LIMITS = {
  nodes: 1 << 20,
  weights: 1 << 20,
  /** Inputs or outputs of the graph, or of one node. */
  ports: 1 << 12,
  rank: 16,
  /** Elements of one list attribute, or bytes of one text. */
  list: 1 << 20,
  /** Elements of one dense tensor. */
  elements: 2 ** 31 - 1,
  operands: 16,
  labels: 1 << 16,
} as const;

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
