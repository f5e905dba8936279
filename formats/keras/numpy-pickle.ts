/**
 * NumPy arrays out of pickles: the dictionaries of arrays that Keras puts into `model.weights.npz`. Arrays are what
 * `numpy.ndarray.__setstate__` takes (version, shape, type, Fortran order, elements).
 */
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import { DTYPES } from '../../src/graph/dtype.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import type { NumericTensor } from '../../src/graph/tensor.ts';
import { permutedArray } from './array-order.ts';
import type { KerasArray } from './keras-model.ts';
import { isPythonObject, type Pickled, unpickle } from './pickle.ts';
import { storedArray } from './stored-array.ts';

const TYPES: Readonly<Record<string, NumericTensor['dtype']>> = {
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
};

/**
 * The arrays in a pickled NumPy array whose only element is a dictionary of arrays, by key. Throws `FormatError` for
 * bytes that are no such pickle, and `UnsupportedError` for a dictionary of anything else; `what` names the pickle.
 */
export function unpickleArrays(bytes: Uint8Array, what: string): Map<string, KerasArray> {
  let elements: Pickled | undefined;
  try {
    elements = stateOf(unpickle(bytes))?.[4];
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw new UnsupportedError(`Keras: ${what} ${cause.message}`, { cause });
    throw new FormatError('Keras', `${what} is cut or damaged`, undefined, { cause });
  }
  const dictionary = Array.isArray(elements) ? elements[0] : undefined;
  if (!(dictionary instanceof Map)) throw new FormatError('Keras', `${what} holds no dictionary of arrays`);
  return new Map([...dictionary].map(([key, value]) => [`${key}`, arrayOf(value, `${what}, ${key}`)]));
}

const RECONSTRUCT = /^numpy\._?core\.multiarray\._reconstruct$/;

/** The state of an array; `undefined` for any other value. */
function stateOf(value: Pickled): Pickled[] | undefined {
  const isArray = isPythonObject(value) && RECONSTRUCT.test(value.call);
  return isArray && Array.isArray(value.state) ? value.state : undefined;
}

function arrayOf(value: Pickled, what: string): KerasArray {
  const [, shape, type, isFortran, data] = stateOf(value) ?? [];
  if (!isShape(shape) || type === undefined || !(data instanceof Uint8Array)) {
    throw new UnsupportedError(`Keras: ${what} is no NumPy array of numbers, save the model with model.weights.h5`);
  }
  const dtype = typeOf(type);
  if (dtype !== undefined && data.length !== product(shape) * (DTYPES[dtype].bits / 8)) {
    throw new FormatError('Keras', `${what} has ${data.length} bytes, which [${shape}] of ${dtype} does not take`);
  }
  if (isFortran !== true) return storedArray(what, dtype, shape, data);
  const turned = storedArray(what, dtype, shape.toReversed(), data);
  const axes = shape.map((_, axis) => shape.length - 1 - axis);
  return { shape, values: toFloat32(permutedArray(turned, axes)) };
}

const product = (sizes: readonly number[]) => sizes.reduce((result, size) => result * size, 1);

function isShape(value: Pickled | undefined): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

/** The element type that a `numpy.dtype` object names; `undefined` for other types, and for big-endian numbers. */
function typeOf(value: Pickled): NumericTensor['dtype'] | undefined {
  if (!isPythonObject(value) || value.call !== 'numpy.dtype' || !Array.isArray(value.args)) return undefined;
  const isBigEndian = Array.isArray(value.state) && value.state[1] === '>';
  return isBigEndian ? undefined : TYPES[`${value.args[0]}`];
}
