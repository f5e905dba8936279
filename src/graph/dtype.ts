/**
 * The element types of ONNX 1.18 tensors (TensorProto.DataType in onnx.proto), with their codes and widths.
 */

/** Name of a tensor element type, spelt as in the ONNX operator documentation. */
export type DType =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'complex64'
  | 'complex128'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'uint4'
  | 'int4'
  | 'float4e2m1'
  | 'float8e8m0';

/** `code` is the TensorProto.DataType value; `bits` the width of one element in raw data (0 for strings, which have none). */
export interface DTypeInfo {
  readonly code: number;
  readonly bits: number;
}

/** Every type and its width, in the order of the codes, which count from 1. */
const WIDTHS: readonly (readonly [DType, number])[] = [
  ['float32', 32],
  ['uint8', 8],
  ['int8', 8],
  ['uint16', 16],
  ['int16', 16],
  ['int32', 32],
  ['int64', 64],
  ['string', 0],
  ['bool', 8],
  ['float16', 16],
  ['float64', 64],
  ['uint32', 32],
  ['uint64', 64],
  ['complex64', 64],
  ['complex128', 128],
  ['bfloat16', 16],
  ['float8e4m3fn', 8],
  ['float8e4m3fnuz', 8],
  ['float8e5m2', 8],
  ['float8e5m2fnuz', 8],
  ['uint4', 4],
  ['int4', 4],
  ['float4e2m1', 4],
  ['float8e8m0', 8],
];

export const DTYPES = Object.fromEntries(WIDTHS.map(([name, bits], at) => [name, { code: at + 1, bits }])) as Readonly<
  Record<DType, DTypeInfo>
>;

/** The type with this TensorProto.DataType code, or `undefined` for 0 (UNDEFINED) and unknown codes. */
export function dtypeFromCode(code: number): DType | undefined {
  return WIDTHS[code - 1]?.[0];
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
