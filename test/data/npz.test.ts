import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { assignArrays } from '../../src/data/array-roles.ts';
import { isNpy, readNpy, writeNpy } from '../../src/data/npy.ts';
import { openNpz, readNpz, writeNpz } from '../../src/data/npz.ts';
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import { fromFloats, toNumbers } from '../../src/graph/numbers.ts';
import { int64Tensor, numericTensor } from '../../src/graph/tensor.ts';
import type { TensorInfo } from '../../src/onnxruntime.ts';

/** Written by NumPy 2.4. */
const NUMPY = {
  /** arange(6) as int16 (2, 3) in Fortran order. */
  fortran:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPGkyJywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAMAAQAEAAIABQA=',
  /** [1.5, -2] as big-endian float32. */
  bigEndian:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAo/wAAAwAAAAA==',
  /** ['a', 'b']. */
  strings:
    'k05VTVBZAQB2AHsnZGVzY3InOiAnPFUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAphAAAAYgAAAA==',
  /** savez_compressed of x = arange(8) as uint8 (4, 2) and y = [0, 1, 1, 0] as int64. */
  archive:
    'UEsDBC0AAAAIAAAAIQAvzbLl//////////8FABQAeC5ucHkBABAAiAAAAAAAAABOAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF5Taqiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GiY6CkaaOgq1CmQDLgZGJmYWVjZ2AFBLAwQtAAAACAAAACEA0nCddv//////////BQAUAHkubnB5AQAQAKAAAAAAAAAASwAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RomOpo6CrUKFAAuBihgRKNhAABQSwECLQMtAAAACAAAACEAL82y5U4AAACIAAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECLQMtAAAACAAAACEA0nCddksAAACgAAAABQAAAAAAAAAAAAAAgAGFAAAAeS5ucHlQSwUGAAAAAAIAAgBmAAAABwEAAAAA',
};
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));

describe('readNpy', () => {
  it('puts Fortran order and big-endian elements right', () => {
    const fortran = readNpy(fromBase64(NUMPY.fortran), 'array');
    expect(fortran).toMatchObject({ dtype: 'int16', shape: [2, 3] });
    expect(toNumbers(fortran)).toEqual([0, 1, 2, 3, 4, 5]);
    const bigEndian = readNpy(fromBase64(NUMPY.bigEndian), 'array');
    expect(bigEndian).toMatchObject({ dtype: 'float32', shape: [2] });
    expect(toNumbers(bigEndian)).toEqual([1.5, -2]);
  });

  it('refuses strings, every truncation, and bytes too many', () => {
    expect(() => readNpy(fromBase64(NUMPY.strings), 'array')).toThrow(UnsupportedError);
    const bytes = fromBase64(NUMPY.fortran);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readNpy(bytes.subarray(0, length), 'array'), `${length} bytes`).toThrow(FormatError);
    }
    expect(() => readNpy(Uint8Array.from([...bytes, 0]), 'array')).toThrow('holds 13 bytes, [2,3] of int16 takes 12');
  });

  it('refuses a shape that no memory holds', () => {
    const text = Buffer.from(fromBase64(NUMPY.bigEndian)).toString('latin1');
    const huge = text.replace('(2,), }            ', '(99999999,99999999)');
    expect(huge).not.toBe(text);
    expect(() => readNpy(new Uint8Array(Buffer.from(huge, 'latin1')), 'array')).toThrow(FormatError);
  });
});

describe('writeNpy', () => {
  /** NumPy 2.4's `np.save` of [1.5, -2] as little-endian float32. */
  const numpys = `\x93NUMPY\x01\0v\0${"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117)}\n\0\0\xc0\x3f\0\0\0\xc0`;

  it('writes what NumPy does', () => {
    expect(Buffer.from(writeNpy(fromFloats('float32', [2], [1.5, -2]))).toString('latin1')).toBe(numpys);
  });

  it.each([
    numericTensor('bool', [2], Uint8Array.of(1, 0)),
    numericTensor('uint8', [], Uint8Array.of(7)),
    int64Tensor([1, -2, 3, 4, 5, 6], [3, 1, 2]),
    fromFloats('float16', [1, 2], [1, 2]),
    fromFloats('float64', [0, 4], []),
  ])('is read back: $dtype [$shape]', (tensor) => {
    const bytes = writeNpy(tensor);
    expect(isNpy(bytes)).toBe(true);
    expect(readNpy(bytes, 'array')).toEqual(tensor);
  });

  it('widens bfloat16, and refuses what NumPy has no type for', () => {
    expect(readNpy(writeNpy(fromFloats('bfloat16', [1], [1.5])), '')).toEqual(fromFloats('float32', [1], [1.5]));
    expect(() => writeNpy(numericTensor('int4', [2], Uint8Array.of(0)))).toThrow(UnsupportedError);
    expect(() => writeNpy({ dtype: 'string', shape: [0], strings: [] })).toThrow(UnsupportedError);
  });
});

it('writeNpz is read back', () => {
  const arrays = new Map([
    ['a', int64Tensor([1, 2])],
    ['b', fromFloats('float32', [2, 3], [1, 2, 3, 4, 5, 6])],
  ]);
  expect(readNpz(writeNpz(arrays), 'archive')).toEqual({ count: 2, arrays });
});

describe('readNpz', () => {
  it('reads what NumPy wrote', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fqz-npz-'));
    writeFileSync(join(folder, 'data.npz'), fromBase64(NUMPY.archive));
    const dataset = await openNpz(join(folder, 'data.npz'), 'spec');
    rmSync(folder, { recursive: true });
    expect(dataset.count).toBe(4);
    expect([...dataset.arrays.keys()]).toEqual(['x', 'y']);
    expect(dataset.arrays.get('x')).toMatchObject({ dtype: 'uint8', shape: [4, 2] });
    expect(toNumbers(dataset.arrays.get('y')!)).toEqual([0, 1, 1, 0]);
  });

  it('refuses other archives, other entries and arrays that do not go together', () => {
    const bytes = fromBase64(NUMPY.archive);
    expect(() => readNpz(bytes.subarray(0, 100), 'file')).toThrow(FormatError);
    expect(() => readNpz(new Uint8Array(0), 'file')).toThrow(FormatError);
    expect(() => readNpz(zipSync({}), 'file')).toThrow('holds no arrays');
    expect(() => readNpz(zipSync({ 'a.txt': new Uint8Array(3) }), 'file')).toThrow('a.txt, expected only .npy');
    const [two, three] = [fromBase64(NUMPY.bigEndian), new Uint8Array([...fromBase64(NUMPY.bigEndian), 0, 0, 0, 0])];
    three.set(new TextEncoder().encode('(3,)'), Buffer.from(three).indexOf('(2,)'));
    expect(() => readNpz(zipSync({ 'a.npy': two, 'b.npy': three }), 'file')).toThrow('b.npy has 3 samples');
  });

  it('does not believe an entry that declares more than deflate can hold', () => {
    const bytes = fromBase64(NUMPY.archive);
    const view = new DataView(bytes.buffer);
    // The uncompressed size in the first central directory header (APPNOTE.TXT 4.3.12).
    const directory = Buffer.from(bytes).indexOf('PK\x01\x02', 0, 'latin1');
    view.setUint32(directory + 24, 2 ** 31, true);
    expect(() => readNpz(bytes, 'file')).toThrow('declares 2147483648 bytes');
  });
});

describe('assignArrays', () => {
  const info = (name: string): TensorInfo => ({ name, dtype: 'float32', shape: ['N', 2] });
  const model = { inputs: [info('image'), info('prior')], outputs: [info('logits')] };
  const array = readNpy(fromBase64(NUMPY.bigEndian), 'array');
  const dataset = (...names: string[]) =>
    ({ kind: 'arrays', name: 'npz:f', count: 2, arrays: new Map(names.map((name) => [name, array])) }) as const;

  it('goes by the names of the model, then by position', () => {
    const byName = assignArrays(dataset('prior', 'image', 'logits'), model);
    expect([...byName.inputs.keys()].sort()).toEqual(['image', 'prior']);
    expect([...byName.outputs.keys()]).toEqual(['logits']);
    const byPosition = assignArrays(dataset('x', 'input_1', 'out0', 'labels'), model);
    expect([...byPosition.inputs.keys()]).toEqual(['image', 'prior']);
    expect([...byPosition.outputs.keys()]).toEqual(['logits']);
    expect(byPosition.labels).toBe(array);
  });

  it('refuses arrays without a role and inputs without an array', () => {
    expect(() => assignArrays(dataset('x', 'x1', 'weights'), model)).toThrow('an array weights that is no input');
    expect(() => assignArrays(dataset('x', 'x1', 'x2'), model)).toThrow('an array x2');
    expect(() => assignArrays(dataset('x', 'logits'), model)).toThrow("no array for the model's input prior");
  });
});
