/**
 * What callers give, as tensors of the model's types and shapes; and what is refused, with what words.
 */
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Port } from '../../runtime/decoded-graph.ts';
import type { EngineTensor } from '../../runtime/engine.ts';
import { type InputElements, type InputValue, inputTensors, tensor } from '../../runtime/tensor.ts';
import type { DType } from '../../src/graph/dtype.ts';
import type { Dim } from '../../src/graph/graph.ts';

const port = (dtype: DType, shape?: readonly Dim[], name = 'x'): Port => ({ name, dtype, ...(shape && { shape }) });
const given = (own: Port, value: InputValue) => inputTensors([own], { x: value }).get('x') as EngineTensor;

describe('tensor', () => {
  it.each<[InputElements, string]>([
    [Float32Array.of(1), 'float32'],
    [Float64Array.of(1), 'float64'],
    [Int8Array.of(1), 'int8'],
    [Uint8Array.of(1), 'uint8'],
    [Uint16Array.of(1), 'uint16'],
    [BigInt64Array.of(1n), 'int64'],
    [BigUint64Array.of(1n), 'uint64'],
    [[1], 'float32'],
    [Uint8ClampedArray.of(1), 'uint8'],
  ])('knows the type of %o', (data, dtype) => {
    expect(tensor(data)).toMatchObject({ dtype, shape: [1] });
  });

  it('has the shape and type that it is given', () => {
    expect(tensor([1, 0, 2], [3, 1], 'int64')).toEqual({
      dtype: 'int64',
      shape: [3, 1],
      data: BigInt64Array.of(1n, 0n, 2n),
    });
    expect(tensor(Uint8Array.of(1, 0), [2], 'bool')).toEqual({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) });
    expect(tensor(Float32Array.of(), [0, 3])).toMatchObject({ shape: [0, 3] });
  });

  it.each([[[2, 2]], [[-3, -1]], [[1.5, 2]], [[Number.NaN]], ['3'], [[2 ** 40, 2 ** 40, 0]], [[3, 2 ** 60]]])(
    'refuses 3 elements of shape %j',
    (shape) => {
      expect(() => tensor([1, 2, 3], shape as number[])).toThrow(RangeError);
    },
  );

  it('refuses types that sessions do not have', () => {
    expect(() => tensor([1], [1], 'complex64' as 'float32')).toThrow(TypeError);
  });
});

describe('elements of an input', () => {
  it.each<[DType, InputElements, ArrayLike<unknown>]>([
    ['float32', Float32Array.of(1.5), Float32Array.of(1.5)],
    ['float32', [1.5], Float32Array.of(1.5)],
    ['float64', Float32Array.of(1.5), Float64Array.of(1.5)],
    ['float16', Uint16Array.of(0x3e00), Uint16Array.of(0x3e00)],
    ['float16', Float32Array.of(1.5), Uint16Array.of(0x3e00)],
    ['float16', [1.5], Uint16Array.of(0x3e00)],
    ['bfloat16', Float32Array.of(1.5), Uint16Array.of(0x3fc0)],
    ['int64', Int32Array.of(-2), BigInt64Array.of(-2n)],
    ['int64', [-2], BigInt64Array.of(-2n)],
    ['uint64', Uint32Array.of(2 ** 32 - 1), BigUint64Array.of(2n ** 32n - 1n)],
    ['int32', [-2], Int32Array.of(-2)],
    ['bool', [true, false] as unknown as number[], Uint8Array.of(1, 0)],
    ['uint8', Uint8ClampedArray.of(200), Uint8Array.of(200)],
  ])('%s from %o', (dtype, elements, expected) => {
    expect(given(port(dtype, [null]), elements).data).toEqual(expected);
  });

  it('are not copied where they are of the input’s type', () => {
    const data = new Float32Array(4);
    expect(given(port('float32', [4]), data).data).toBe(data);
  });

  it('of a Float16Array, where there is one, are its bits', () => {
    const bits = Uint16Array.of(0x3e00);
    const halves = Object.defineProperty(bits.slice(), Symbol.toStringTag, { value: 'Float16Array' });
    expect(given(port('float16', [1]), halves).data).toEqual(bits);
  });

  it('may come from another realm', () => {
    const foreign = runInNewContext('Float32Array.of(1, 2)');
    const { data } = given(port('float32', [2]), foreign);
    expect(data).toBeInstanceOf(Float32Array);
    expect(data).toEqual(Float32Array.of(1, 2));
  });

  it.each<[DType, InputElements]>([
    ['float32', Float64Array.of(1)],
    ['float32', Uint8Array.of(1)],
    ['int64', Float32Array.of(1)],
    ['int32', BigInt64Array.of(1n)],
    ['bool', Float32Array.of(1)],
    ['uint16', Int16Array.of(1)],
  ])('%s are not taken from %o', (dtype, elements) => {
    expect(() => given(port(dtype, [1]), elements)).toThrow(TypeError);
  });

  it('of a tensor must be of the input’s type', () => {
    expect(given(port('float16', [1]), tensor([1.5])).data).toEqual(Uint16Array.of(0x3e00));
    expect(() => given(port('int32', [1]), tensor(Float32Array.of(1)))).toThrow('input "x" is int32, not float32');
    expect(() => given(port('float16', [1]), tensor(Uint16Array.of(1)))).toThrow('input "x" is float16, not uint16');
  });
});

describe('the shape of bare elements', () => {
  it.each<[readonly Dim[], number, readonly number[]]>([
    [[2, 3], 6, [2, 3]],
    [['N', 3], 6, [2, 3]],
    [[null, 3], 0, [0, 3]],
    [[2, 1, 'W'], 6, [2, 1, 3]],
    [[], 1, []],
  ])('%j with %i elements', (shape, length, expected) => {
    expect(given(port('float32', shape), new Float32Array(length)).shape).toEqual(expected);
  });

  it('is no guess', () => {
    expect(() => given(port('float32', ['N', 3, 'H']), new Float32Array(6))).toThrow(
      'input "x" is [N, 3, H], which elements alone do not settle: give { data, shape }',
    );
    expect(() => given(port('float32'), new Float32Array(6))).toThrow('of any rank');
    expect(() => given(port('float32', ['N', 4]), new Float32Array(6))).toThrow(RangeError);
    expect(() => given(port('float32', [4]), new Float32Array(6))).toThrow(RangeError);
  });
});

describe('inputs', () => {
  const ports = [port('float32', ['N', 3], 'a'), port('float32', ['N', 'M'], 'b'), port('float32', undefined, 'c')];
  const zeros = (...shape: number[]) =>
    tensor(new Float32Array(shape.reduce((product, size) => product * size, 1)), shape);

  it('agree with their ports and in their symbolic sizes', () => {
    const tensors = inputTensors(ports, { c: zeros(1, 1, 1), b: zeros(2, 5), a: zeros(2, 3) });
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['a', [2, 3]],
      ['b', [2, 5]],
      ['c', [1, 1, 1]],
    ]);
  });

  it.each<[Record<string, unknown>, new () => Error, string]>([
    [{ a: zeros(2, 3), b: zeros(2, 2) }, TypeError, 'input "c" is missing'],
    [{ A: 1 }, TypeError, 'the model has no input "A", but "a", "b", "c"'],
    [{ a: null }, TypeError, 'input "a" is missing'],
    [{ a: 1 }, TypeError, 'input "a" needs a typed array, or { data, shape }'],
    [{ a: {} }, TypeError, 'input "a" needs a typed array, or { data, shape }'],
    [{ a: zeros(2, 4) }, RangeError, 'input "a" is [N, 3], N = 2; [2,4] does not fit'],
    [{ a: zeros(3) }, RangeError, 'input "a" is [N, 3]; [3] does not fit'],
    [{ a: zeros(2, 3), b: zeros(3, 3) }, RangeError, 'input "b" is [N, M], N = 2; [3,3] does not fit'],
  ])('are refused: %o', (feeds, Kind, message) => {
    const refused = () => inputTensors(ports, feeds as Record<string, InputValue>);
    expect(refused).toThrow(Kind);
    expect(refused).toThrow(message);
  });
});
