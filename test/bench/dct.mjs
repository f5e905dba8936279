/**
 * Does the DCT take n log n? Time per line against the matrix product, which takes n², for lengths of every kind.
 */
import { cosineMatrix } from '../../dist/src/codec/cosines.js';
import { dct } from '../../dist/src/codec/dct.js';
import { uniformNoise } from '../../dist/src/data/noise.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, inTurn } from './measure.mjs';

/** Powers of two, what networks have, and primes. */
const LENGTHS = [16, 64, 96, 256, 320, 509, 512, 768, 1024, 1280, 2048, 2053, 4096];
const ELEMENTS = 2 ** 18;
/** The matrix product of longer lines only makes the bench longer. */
const LONGEST_PRODUCT = 1280;
const KERNEL = [1024, 1024, 3, 3];

function product(values, lines, size, matrix) {
  const result = new Float64Array(values.length);
  for (let line = 0; line < lines; line++) {
    for (let k = 0; k < size; k++) {
      let sum = 0;
      for (let x = 0; x < size; x++) sum += matrix[k * size + x] * values[line * size + x];
      result[line * size + k] = sum;
    }
  }
  return result;
}

function rowOf(size) {
  const lines = Math.max(1, Math.round(ELEMENTS / size));
  const values = Float64Array.from({ length: lines * size }, uniformNoise(size));
  const matrix = size <= LONGEST_PRODUCT ? cosineMatrix(size, size) : undefined;
  const times = inTurn(
    {
      dct: () => dct(values.slice(), [lines, size], [1]),
      ...(matrix && { product: () => product(values, lines, size, matrix) }),
    },
    5,
  );
  const each = times.get('dct') / lines;
  return [
    String(size),
    duration(each),
    `${((each * 1e9) / (size * Math.log2(size))).toFixed(2)} ns`,
    matrix ? duration(times.get('product') / lines) : '',
    matrix ? `${(times.get('product') / times.get('dct')).toFixed(1)} ×` : '',
  ];
}

/** Prints the figures. */
export async function run() {
  console.log('## DCT\n');
  console.log(
    markdownTable(['length', 'one line', 'per n log₂ n', 'matrix product', 'times as long'], LENGTHS.map(rowOf)),
  );
  const count = KERNEL.reduce((all, size) => all * size, 1);
  const values = Float64Array.from({ length: count }, uniformNoise(1));
  const seconds = inTurn({ dct: () => dct(values, KERNEL, [0, 1, 2, 3]) }, 3).get('dct');
  console.log(
    `\n${KERNEL.join('×')}, all axes: ${duration(seconds)}, ${((seconds * 1e9) / count).toFixed(1)} ns a number`,
  );
}
