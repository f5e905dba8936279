/** Cosines, and products of little depth, in plain TypeScript. */
import type { Reference } from './memory.ts';

export const expand: Reference<'expand'> = (
  { floats },
  a,
  aDepth,
  b,
  bDepth,
  depth,
  rows,
  columns,
  y,
  yRow,
  tile,
  yTile,
) => {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += floats[a / 4 + k * aDepth + row]! * floats[b / 4 + k * bDepth + column]!;
      floats[y / 4 + row * yRow + Math.floor(column / tile) * yTile + (column % tile)] = sum;
    }
  }
};

export const cosine: Reference<'cosine'> = ({ floats }, y, count, cosine, sine, stepCosine, stepSine) => {
  for (let x = 0, real = cosine, imaginary = sine; x < count; x++) {
    floats[y / 4 + x] = real;
    const turned = real * stepCosine - imaginary * stepSine;
    imaginary = imaginary * stepCosine + real * stepSine;
    real = turned;
  }
};
