/**
 * The JavaScript arrays that hold a tensor's elements as they are.
 */

/** Arrays of the integer types; bool is one byte, 0 or 1. */
export const INTEGER_ARRAYS = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
} as const;

/** Arrays of every type that JavaScript has one for everywhere; float16 is not among them. */
export const TYPED_ARRAYS = { float32: Float32Array, float64: Float64Array, ...INTEGER_ARRAYS } as const;
