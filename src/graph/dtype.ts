/**
 * The element types of ONNX 1.18 tensors (TensorProto.DataType in onnx.proto), with their codes and widths.
 */

/** Every type, spelt as in the ONNX operator documentation, in the order of the codes, which count from 1. */
const NAMES =
  'float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0';

type Word<Text extends string> = Text extends `${infer First} ${infer Rest}` ? First | Word<Rest> : Text;

/** Name of a tensor element type. */
export type DType = Word<typeof NAMES>;

const TYPES = NAMES.split(' ') as DType[];

/** `code` is the TensorProto.DataType value; `bits` the width of one element in raw data (0 for strings, which have none). */
export interface DTypeInfo {
  readonly code: number;
  readonly bits: number;
}

/** The width is the first number in the name, but for bool and string. */
export const DTYPES = Object.fromEntries(
  TYPES.map((name, at) => [name, { code: at + 1, bits: name === 'bool' ? 8 : Number(/\d+/.exec(name)) }]),
) as Record<DType, DTypeInfo>;

/** The type with this TensorProto.DataType code, or `undefined` for 0 (UNDEFINED) and unknown codes. */
export function dtypeFromCode(code: number): DType | undefined {
  return TYPES[code - 1];
}

/** Bytes that `count` elements take in raw data; 4-bit elements are packed two to a byte. */
export function byteLength(dtype: DType, count: number): number {
  return Math.ceil((count * DTYPES[dtype].bits) / 8);
}

/** The floating-point types of trained weights. */
export const FLOAT_DTYPES = ['float32', 'float16', 'float64', 'bfloat16'] as const satisfies readonly DType[];
export type FloatDType = (typeof FLOAT_DTYPES)[number];

export function isFloat(dtype: DType): dtype is FloatDType {
  return (FLOAT_DTYPES as readonly DType[]).includes(dtype);
}
