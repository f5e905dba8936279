/**
 * Every element type in each of its storages, encoded by onnx-proto, against bytes worked out by hand.
 */
import { describe, expect, it } from 'vitest';
import { type ExternalReader, externalReader } from '../../../formats/onnx/external.ts';
import { readSparseTensor, readTensor } from '../../../formats/onnx/read-tensor.ts';
import { messageOf } from '../../../formats/onnx/wire-read.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { DTYPES, type DType } from '../../../src/graph/dtype.ts';
import { int64, onnx } from '../../support/onnx-proto.ts';

type TensorFields = Parameters<typeof onnx.TensorProto.encode>[0];

interface Case {
  dtype: DType;
  shape: number[];
  typed: TensorFields;
  /** The elements as raw data, in hexadecimal. */
  raw: string;
}

const CASES: readonly Case[] = [
  { dtype: 'float32', shape: [2], typed: { floatData: [1, -2.5] }, raw: '0000803f 000020c0' },
  { dtype: 'complex64', shape: [1], typed: { floatData: [1, -2.5] }, raw: '0000803f 000020c0' },
  { dtype: 'float64', shape: [1], typed: { doubleData: [-2.5] }, raw: '00000000000004c0' },
  { dtype: 'complex128', shape: [1], typed: { doubleData: [1, -2.5] }, raw: '000000000000f03f 00000000000004c0' },
  { dtype: 'int8', shape: [3], typed: { int32Data: [-1, 127, -128] }, raw: 'ff 7f 80' },
  { dtype: 'uint8', shape: [2], typed: { int32Data: [255, 1] }, raw: 'ff 01' },
  { dtype: 'bool', shape: [2, 1], typed: { int32Data: [1, 0] }, raw: '01 00' },
  { dtype: 'int16', shape: [2], typed: { int32Data: [-2, 300] }, raw: 'feff 2c01' },
  { dtype: 'uint16', shape: [1], typed: { int32Data: [65535] }, raw: 'ffff' },
  { dtype: 'float16', shape: [2], typed: { int32Data: [0x3c00, 0xc100] }, raw: '003c 00c1' },
  { dtype: 'bfloat16', shape: [2], typed: { int32Data: [0x3f80, 0xc020] }, raw: '803f 20c0' },
  { dtype: 'int32', shape: [2], typed: { int32Data: [-1, 2 ** 31 - 1] }, raw: 'ffffffff ffffff7f' },
  {
    dtype: 'int64',
    shape: [3],
    typed: { int64Data: [-1, int64(2n ** 63n - 1n), int64(-(2n ** 63n))] },
    raw: 'ffffffffffffffff ffffffffffffff7f 0000000000000080',
  },
  { dtype: 'uint32', shape: [1], typed: { uint64Data: [2 ** 32 - 1] }, raw: 'ffffffff' },
  {
    dtype: 'uint64',
    shape: [2],
    typed: { uint64Data: [int64(2n ** 64n - 1n), 1] },
    raw: 'ffffffffffffffff 0100000000000000',
  },
  ...(['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0'] as const).map((dtype) => ({
    dtype,
    shape: [2],
    typed: { int32Data: [0x38, 0xff] },
    raw: '38 ff',
  })),
  ...(['int4', 'uint4', 'float4e2m1'] as const).map((dtype) => ({
    dtype,
    shape: [3],
    typed: { int32Data: [0x21, 0x0f] },
    raw: '21 0f',
  })),
];

const noExternal: ExternalReader = externalReader(undefined);

function read(dtype: DType | number, shape: TensorFields['dims'], stored: TensorFields) {
  const dataType = typeof dtype === 'number' ? dtype : DTYPES[dtype].code;
  const bytes = onnx.TensorProto.encode({ name: 't', dims: shape, dataType, ...stored }).finish();
  return readTensor(messageOf(bytes), noExternal, 'initializer').tensor;
}

describe('tensor elements', () => {
  it('are tested for every type', () => {
    expect([...CASES.map(({ dtype }) => dtype), 'string'].sort()).toEqual(Object.keys(DTYPES).sort());
  });

  it.each(CASES)('of type $dtype are the same from typed and from raw storage', ({ dtype, shape, typed, raw }) => {
    const data = new Uint8Array(Buffer.from(raw.replaceAll(' ', ''), 'hex'));
    expect(read(dtype, shape, typed)).toEqual({ dtype, shape, data });
    expect(read(dtype, shape, { rawData: data })).toEqual({ dtype, shape, data });
    expect(() => read(dtype, [...shape, 4], typed)).toThrow(FormatError);
    expect(() => read(dtype, [...shape, 4], { rawData: data })).toThrow(FormatError);
  });

  it('that are strings stay bytes', () => {
    const strings = [new Uint8Array([0x68, 0x69]), new Uint8Array([0xff, 0x00])];
    expect(read('string', [2], { stringData: strings })).toEqual({ dtype: 'string', shape: [2], strings });
    expect(() => read('string', [3], { stringData: strings })).toThrow('has 2 strings instead of 3');
  });

  it('may be written one field each instead of packed', () => {
    const unpacked = new Uint8Array([0x08, 2, 0x10, DTYPES.int32.code, 0x28, 5, 0x28, 6]);
    const { tensor } = readTensor(messageOf(unpacked), noExternal, 'initializer');
    expect(tensor).toEqual({ dtype: 'int32', shape: [2], data: new Uint8Array([5, 0, 0, 0, 6, 0, 0, 0]) });
  });

  it('may be none, or one without dimensions', () => {
    expect(read('float32', [0, 5], {})).toEqual({ dtype: 'float32', shape: [0, 5], data: new Uint8Array(0) });
    expect(read('uint8', [], { rawData: new Uint8Array([7]) })).toEqual({
      dtype: 'uint8',
      shape: [],
      data: new Uint8Array([7]),
    });
  });

  it.each([
    ['a huge product of dimensions', 1, [2 ** 40, 2 ** 40], {}, 'too large'],
    ['huge dimensions and little data', 1, [2 ** 31, 2 ** 10], { rawData: new Uint8Array(4) }, 'the file has 4'],
    ['a negative dimension', 1, [-1, -1], { rawData: new Uint8Array(4) }, 'invalid dimension -1'],
    ['a dimension beyond 2^53', 1, [int64(2n ** 63n - 1n)], {}, 'invalid dimension 9223372036854775807'],
    ['too many dimensions', 1, Array(65).fill(1), { floatData: [1] }, 'more than 64 dimensions'],
    ['an unknown type', 99, [1], { rawData: new Uint8Array(4) }, 'unknown element type 99'],
    ['two storages', 1, [1], { rawData: new Uint8Array(4), floatData: [1] }, 'more than once'],
    ['the storage of another type', 1, [1], { int32Data: [1] }, 'field of another type'],
  ])('with %s are refused', (_, dtype, shape, stored, message) => {
    expect(() => read(dtype, shape, stored)).toThrow(FormatError);
    expect(() => read(dtype, shape, stored)).toThrow(message);
  });

  it('in segments are refused', () => {
    expect(() => read('float32', [1], { segment: { begin: 0, end: 1 } })).toThrow(UnsupportedError);
  });
});

describe('sparse tensors', () => {
  it('need values and indices', () => {
    const values = { name: 's', dims: [1], dataType: 1, floatData: [1] };
    const indices = { dims: [1], dataType: 7, int64Data: [2] };
    const read = (fields: Parameters<typeof onnx.SparseTensorProto.encode>[0]) =>
      readSparseTensor(messageOf(onnx.SparseTensorProto.encode(fields).finish()), noExternal, 'initializer');
    const { name, tensor } = read({ values, indices, dims: [5] });
    expect(name).toBe('s');
    expect(tensor.shape).toEqual([5]);
    expect(tensor.indices.shape).toEqual([1]);
    expect(() => read({ values, dims: [5] })).toThrow(FormatError);
    expect(() => read({ indices, dims: [5] })).toThrow(FormatError);
    expect(() => read({ values, indices: values, dims: [5] })).toThrow(FormatError);
  });
});
