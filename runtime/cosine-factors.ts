/**
 * Orthonormal DCT-II matrices, and Kronecker products of them, as factors of matrix products.
 */

/** The first `count` rows of the DCT-II matrix of size `size`. */
export interface Cosines {
  readonly count: number;
  readonly size: number;
}

/** Matrices of so many entries are remembered, so many of them at a time. */
const LARGEST_REMEMBERED = 1 << 14;
const MOST_REMEMBERED = 32;
const remembered = new Map<string, Float32Array>();

/**
 * Columns `from` to `to` of the Kronecker product of DCT-II matrices, which widens their axes together: (product of the
 * counts, to − from). Not to be written to.
 */
export function cosineFactor(cosines: readonly Cosines[], from: number, to: number): Float32Array {
  const key = `${cosines.map(({ count, size }) => [count, size])} ${from} ${to}`;
  let factor = remembered.get(key);
  if (!factor) {
    factor = cosines.length === 1 ? columnsOf(cosines[0]!, from, to) : jointColumns(cosines, from, to);
    if (remembered.size === MOST_REMEMBERED) remembered.clear();
    if (factor.length <= LARGEST_REMEMBERED) remembered.set(key, factor);
  }
  return factor;
}

function columnsOf({ count, size }: Cosines, from: number, to: number): Float32Array {
  const columns = new Float32Array(count * (to - from)).fill(Math.sqrt(1 / size), 0, to - from);
  // cos(π m / 2n) repeats after 4n: one period of it has all entries.
  const wave = new Float32Array(4 * size);
  const scale = Math.sqrt(2 / size);
  for (let place = 0; place < wave.length; place++) wave[place] = scale * Math.cos((Math.PI * place) / (2 * size));
  for (let k = 1, at = to - from; k < count; k++) {
    let place = ((2 * from + 1) * k) % wave.length;
    for (const end = at + to - from; at < end; at++) {
      columns[at] = wave[place]!;
      place += 2 * k;
      if (place >= wave.length) place -= wave.length;
    }
  }
  return columns;
}

function jointColumns(cosines: readonly Cosines[], from: number, to: number): Float32Array {
  const matrices = cosines.map((own) => columnsOf(own, 0, own.size));
  const rows = cosines.reduce((product, { count }) => product * count, 1);
  const columns = new Float32Array(rows * (to - from));
  for (let row = 0, at = 0; row < rows; row++) {
    for (let x = from; x < to; x++) {
      let product = 1;
      for (let axis = cosines.length - 1, k = row, place = x; axis >= 0; axis--) {
        const { count, size } = cosines[axis]!;
        product *= matrices[axis]![(k % count) * size + (place % size)]!;
        k = Math.floor(k / count);
        place = Math.floor(place / size);
      }
      columns[at++] = product;
    }
  }
  return columns;
}
