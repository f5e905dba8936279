/**
 * Tensors as users of a session hold them, and how what they give becomes what a model takes.
 */
import type { Dim } from '../src/graph/graph.ts';
import { elementCount } from '../src/graph/tensor.ts';
import type { Port } from './decoded-graph.ts';
import { ELEMENT_ARRAYS, type Elements, type ElementType, isElementType } from './elements.ts';
import type { Feed } from './engine.ts';
import { halvesOf } from './half.ts';
import { isIntegral } from './plan/value.ts';
import { tagOf } from './source.ts';

type ArrayOf<T extends ElementType> = InstanceType<(typeof ELEMENT_ARRAYS)[T]>;
type TensorOf<T extends ElementType> = {
  readonly dtype: T;
  readonly shape: readonly number[];
  readonly data: ArrayOf<T>;
};

/**
 * Elements, row-major over `shape`. float16 and bfloat16 are bit patterns in a `Uint16Array` (where the platform has
 * it, `new Float16Array(data.buffer)` reads them); bool is 0 or 1 in a `Uint8Array`.
 */
export type Tensor = { [T in ElementType]: TensorOf<T> }[ElementType];

/**
 * Elements of an input: the typed array of its type, or numbers. Also taken are `Float32Array` for every float type,
 * `Float16Array` for float16, `Int32Array` for int64, `Uint32Array` for uint64 and `Uint8ClampedArray` for uint8.
 */
export type InputElements = (ArrayBufferView & (ArrayLike<number> | ArrayLike<bigint>)) | readonly (number | bigint)[];

/**
 * A value for an input: a tensor, or elements alone where the input's shape leaves at most one size open, which then
 * follows from their number.
 */
export type InputValue =
  | InputElements
  | { readonly data: InputElements; readonly shape: readonly number[]; readonly dtype?: ElementType };

/**
 * Elements in a buffer of the GPU: 32-bit words, row-major over `shape` from the buffer's start. All float types of a model are
 * float32 there; its integers and bool (0 or 1) are int32.
 */
export interface GpuTensor {
  readonly location: 'gpu';
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
}

const TYPE_OF_ARRAY: Readonly<Record<string, ElementType>> = {
  ...Object.fromEntries(Object.entries(ELEMENT_ARRAYS).map(([dtype, { name }]) => [name, dtype as ElementType])),
  Uint8Array: 'uint8',
  Uint16Array: 'uint16',
  Uint8ClampedArray: 'uint8',
  Float16Array: 'float16',
  Array: 'float32',
};

/** What a type takes besides its own array and plain numbers. */
const ALSO: Partial<Record<ElementType, string>> = {
  float64: 'Float32Array',
  float16: 'Float32Array Float16Array',
  bfloat16: 'Float32Array',
  int64: 'Int32Array',
  uint64: 'Uint32Array',
  uint8: 'Uint8ClampedArray',
};

/**
 * A tensor of these elements; its type is that of the typed array unless given, and float32 for plain numbers. Throws
 * `RangeError` where their number is not that of the shape, `TypeError` where the type does not take such elements.
 */
export function tensor(
  data: InputElements,
  shape: readonly number[] = [data.length],
  dtype: ElementType = TYPE_OF_ARRAY[tagOf(data)] ?? 'float32',
): Tensor {
  return makeTensor('the tensor', data, shape, dtype);
}

function makeTensor(what: string, data: InputElements, shape: readonly number[], dtype: ElementType): Tensor {
  if (!isElementType(dtype)) throw new TypeError(`${what} cannot be of type ${dtype}`);
  const bad = !Array.isArray(shape) || shape.some((size) => !Number.isInteger(size) || size < 0);
  if (bad || elementCount(shape) !== data.length) {
    throw new RangeError(`${what} has ${data.length} elements, which is not what shape [${shape}] takes`);
  }
  return { dtype, shape: [...shape], data: elementsFor(what, dtype, data) } as Tensor;
}

function isOnGpu(value: InputValue | GpuTensor): value is GpuTensor {
  return (value as Partial<GpuTensor>).location === 'gpu';
}

function elementsFor(what: string, dtype: ElementType, data: InputElements): Elements {
  const Own = ELEMENT_ARRAYS[dtype];
  const kind = tagOf(data);
  const isHalf = dtype === 'float16' || dtype === 'bfloat16';
  if (kind === Own.name || (kind === 'Float16Array' && dtype === 'float16')) {
    if (data instanceof Own) return data;
    const { buffer, byteOffset } = data as ArrayBufferView;
    return new Own(buffer as ArrayBuffer, byteOffset, data.length);
  }
  if (kind !== 'Array' && !ALSO[dtype]?.split(' ').includes(kind)) {
    throw new TypeError(`${what} is ${dtype} and takes ${Own.name}, not ${kind}`);
  }
  if (isHalf) return halvesOf(data as ArrayLike<number>, dtype);
  const convert: (value: number | bigint) => number | bigint = Own.name.startsWith('Big') ? BigInt : Number;
  return (Own as { from(source: ArrayLike<unknown>, map: unknown): Elements }).from(data, convert);
}

/**
 * A tensor for every port, out of what a caller gives by name. Throws `TypeError` for names that are missing or unknown
 * and for elements of another type, `RangeError` for shapes that contradict the ports or, in a symbolic size, each
 * other.
 */
export function inputTensors(
  ports: readonly Port[],
  feeds: Readonly<Record<string, InputValue | GpuTensor>>,
): Map<string, Feed> {
  for (const name of Object.keys(feeds)) {
    if (ports.every((port) => port.name !== name)) {
      throw new TypeError(`the model has no input "${name}", but ${ports.map((port) => `"${port.name}"`).join(', ')}`);
    }
  }
  const sizes = new Map<string, number>();
  return new Map(
    ports.map((port) => {
      const tensor = inputTensor(port, feeds[port.name]);
      checkShape(port, tensor.shape, sizes);
      return [port.name, tensor];
    }),
  );
}

function inputTensor({ name, dtype, shape }: Port, value: InputValue | GpuTensor | undefined): Feed {
  const what = `input "${name}"`;
  if (value === undefined || value === null) throw new TypeError(`${what} is missing`);
  if (isOnGpu(value)) {
    const words = isIntegral(dtype) ? 'int32' : 'float32';
    if (value.dtype !== words) throw new TypeError(`${what} is ${dtype}, in a GPU buffer ${words}, not ${value.dtype}`);
    return { dtype: dtype as ElementType, shape: value.shape, buffer: value.buffer };
  }
  const isBare = ArrayBuffer.isView(value) || Array.isArray(value);
  const given = isBare ? { data: value as InputElements } : (value as Exclude<InputValue, InputElements>);
  if (given.data?.length === undefined) throw new TypeError(`${what} needs a typed array, or { data, shape }`);
  if ('dtype' in given && given.dtype !== undefined && given.dtype !== dtype) {
    const tag = ELEMENT_ARRAYS[given.dtype]?.name;
    // A type whose array stands for the input's type as well is as good.
    if (!ALSO[dtype as ElementType]?.includes(tag)) throw new TypeError(`${what} is ${dtype}, not ${given.dtype}`);
  }
  const own = 'shape' in given ? given.shape : fittedShape(what, shape, given.data.length);
  return makeTensor(what, given.data, own, dtype as ElementType);
}

/** The port's shape with its one open size as `length` elements ask for. */
function fittedShape(what: string, shape: readonly Dim[] | undefined, length: number): number[] {
  const open = shape?.filter((size) => typeof size !== 'number').length ?? 2;
  if (open > 1)
    throw new TypeError(`${what} is [${shapeText(shape)}], which elements alone do not settle: give { data, shape }`);
  const fixed = elementCount(shape!.filter((size) => typeof size === 'number'));
  return shape!.map((size) => (typeof size === 'number' ? size : Math.floor(length / Math.max(fixed, 1))));
}

function checkShape({ name, shape: declared }: Port, shape: readonly number[], sizes: Map<string, number>): void {
  const fits = (dim: Dim, axis: number) => {
    const size = shape[axis]!;
    if (typeof dim !== 'string') return dim === null || dim === size;
    if (!sizes.has(dim)) sizes.set(dim, size);
    return sizes.get(dim) === size;
  };
  if (!declared || (declared.length === shape.length && declared.every(fits))) return;
  const known = [...sizes].map(([dim, size]) => `, ${dim} = ${size}`).join('');
  throw new RangeError(`input "${name}" is [${shapeText(declared)}]${known}; [${shape}] does not fit`);
}

/** A shape in words, `?` for sizes without a name. */
export function shapeText(shape: readonly Dim[] | undefined): string {
  return shape ? shape.map((dim) => dim ?? '?').join(', ') : 'of any rank';
}
