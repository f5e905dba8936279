/**
 * The constants of the `.fqz` container, version 1 (SPEC.md, "Layout" and "Limits").
 */

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
 * Numbers that `bytes` of coefficients may stand for. The coder spends at least 0.011 bits on a number, so a real file
 * has fewer than 728 to the byte, but for tensors of equal elements and the zeros of sparse cores; what promises more
 * than this is hostile.
 */
export function largestNumberCount(bytes: number): number {
  return 2 ** 22 + 1024 * bytes;
}

/** Slot of the weights of a graph that is stored as ONNX, whose uses are not known. */
export const FOREIGN_SLOT = 'onnx';
