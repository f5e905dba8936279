/**
 * What a file says and the IR has no place for.
 */

/** Encoded protobuf fields of the ONNX message that this object stands for, kept verbatim. */
export interface Unmodelled {
  unmodelled?: Uint8Array;
}
