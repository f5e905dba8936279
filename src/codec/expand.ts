/**
 * Dense tensors from tensor networks, with fast cosine transforms where they pay.
 */
import { cosineEntry } from './cosines.ts';
import { idct } from './dct.ts';
import { type Labelled, parseExpression } from './einsum.ts';
import { contractNetwork, type TensorNetwork } from './network.ts';

/** The dense tensor, row-major over `network.shape`: `einsum(expression, operands)`. */
export function expandNetwork(network: TensorNetwork): Float64Array {
  return contractNetwork(network, parseExpression(network.expression).result, sampleFast).values;
}

/** More frequencies than this are cheaper by a fast transform of a zero-padded line than by a matrix product. */
const MOST_ROWS_MULTIPLIED = 24;

/** As `sampleCosines`. */
function sampleFast(array: Labelled, from: string, to: string, size: number): Labelled {
  const axis = array.letters.indexOf(from);
  const count = array.shape[axis]!;
  if (count <= MOST_ROWS_MULTIPLIED) return sampleCosines(array, from, to, size);
  const shape = array.shape.with(axis, size);
  const inner = array.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = array.values.length / (count * inner);
  const values = new Float64Array(outer * size * inner);
  for (let o = 0; o < outer; o++) {
    values.set(array.values.subarray(o * count * inner, (o + 1) * count * inner), o * size * inner);
  }
  idct(values, shape, [axis]);
  return { letters: array.letters.replace(from, to), shape, values };
}

/**
 * Samples the axis `from`, which holds the first frequencies of an orthonormal DCT-II, at `size` points, and names it
 * `to`: the product with `cosine(count, size)`.
 */
function sampleCosines(array: Labelled, from: string, to: string, size: number): Labelled {
  const axis = array.letters.indexOf(from);
  const count = array.shape[axis]!;
  const inner = array.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const values = new Float64Array((array.values.length / count) * size);
  const cosines = new Float64Array(count);
  for (let x = 0; x < size; x++) {
    for (let k = 0; k < count; k++) cosines[k] = cosineEntry(k, x, size);
    for (let row = x * inner, source = 0; row < values.length; row += size * inner) {
      for (let k = 0; k < count; k++, source += inner) {
        const weight = cosines[k]!;
        for (let i = 0; i < inner; i++) values[row + i]! += weight * array.values[source + i]!;
      }
    }
  }
  return { letters: array.letters.replace(from, to), shape: array.shape.with(axis, size), values };
}
