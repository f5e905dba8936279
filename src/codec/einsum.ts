/**
 * The part of einsum that tensor networks need: two operands at a time, as one batched matrix product.
 */
/** An array whose axes are named by the letters of an einsum expression; row-major. */
export interface Labelled {
  readonly letters: string;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Splits `ab,bc->ac` into its operands' letters and its result's. Throws `TypeError` where it is not such a text. */
export function parseExpression(expression: string): { operands: string[]; result: string } {
  const match = /^([a-z]*(?:,[a-z]*)*)->([a-z]*)$/.exec(expression);
  if (!match) throw new TypeError('an einsum expression is of letters, as in ab,bc->ac');
  return { operands: match[1]!.split(','), result: match[2]! };
}

/** Reorders axes so that they stand as in `letters`, which must be a permutation of the array's own. */
export function permute(array: Labelled, letters: string): Labelled {
  if (array.letters === letters) return array;
  const strides = stridesOf(array.shape);
  const axes = [...letters].map((letter) => array.letters.indexOf(letter));
  const shape = axes.map((axis) => array.shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const values = new Float64Array(array.values.length);
  const index = new Int32Array(shape.length);
  for (let to = 0, from = 0; to < values.length; to++) {
    values[to] = array.values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { letters, shape, values };
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Product of two arrays, summed over the letters that both have and `keep` does not name. */
export function contract(a: Labelled, b: Labelled, keep: string): Labelled {
  const sizes = new Map(
    [a, b].flatMap(({ letters, shape }) => shape.map((size, axis): [string, number] => [letters[axis]!, size])),
  );
  const sizesOf = (letters: string[]) => letters.map((letter) => sizes.get(letter)!);
  const count = (letters: string[]) => sizesOf(letters).reduce((product, size) => product * size, 1);
  const shared = [...a.letters].filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => keep.includes(letter));
  const summed = shared.filter((letter) => !keep.includes(letter));
  const rows = [...a.letters].filter((letter) => !shared.includes(letter));
  const columns = [...b.letters].filter((letter) => !shared.includes(letter));
  const left = permute(a, [...batch, ...rows, ...summed].join(''));
  const right = permute(b, [...batch, ...summed, ...columns].join(''));
  const [batches, height, depth, width] = [count(batch), count(rows), count(summed), count(columns)];
  const values = new Float64Array(batches * height * width);
  for (let n = 0; n < batches; n++) {
    for (let row = 0; row < height; row++) {
      const to = (n * height + row) * width;
      for (let k = 0; k < depth; k++) {
        const weight = left.values[(n * height + row) * depth + k]!;
        if (weight === 0) continue;
        const from = (n * depth + k) * width;
        for (let column = 0; column < width; column++) values[to + column]! += weight * right.values[from + column]!;
      }
    }
  }
  const letters = [...batch, ...rows, ...columns];
  return { letters: letters.join(''), shape: sizesOf(letters), values };
}
