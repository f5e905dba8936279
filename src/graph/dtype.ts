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

export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: { code: 1, bits: 32 },
  uint8: { code: 2, bits: 8 },
  int8: { code: 3, bits: 8 },
  uint16: { code: 4, bits: 16 },
  int16: { code: 5, bits: 16 },
  int32: { code: 6, bits: 32 },
  int64: { code: 7, bits: 64 },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8 },
  float16: { code: 10, bits: 16 },
  float64: { code: 11, bits: 64 },
  uint32: { code: 12, bits: 32 },
  uint64: { code: 13, bits: 64 },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16 },
  float8e4m3fn: { code: 17, bits: 8 },
  float8e4m3fnuz: { code: 18, bits: 8 },
  float8e5m2: { code: 19, bits: 8 },
  float8e5m2fnuz: { code: 20, bits: 8 },
  uint4: { code: 21, bits: 4 },
  int4: { code: 22, bits: 4 },
  float4e2m1: { code: 23, bits: 4 },
  float8e8m0: { code: 24, bits: 8 },
};

const BY_CODE = new Map(Object.entries(DTYPES).map(([name, info]) => [info.code, name as DType]));

/** The type with this TensorProto.DataType code, or `undefined` for 0 (UNDEFINED) and unknown codes. */
export function dtypeFromCode(code: number): DType | undefined {
  return BY_CODE.get(code);
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
