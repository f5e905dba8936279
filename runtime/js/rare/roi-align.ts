/** Pools regions of interest with bilinear samples, after ONNX's RoiAlign. */
import type { Reference } from '../memory.ts';

/** Samples along one axis of one bin are not more than this, however large a region claims to be. */
const MOST_SAMPLES = 1024;

/** The two elements around a place and the weight of the second, which is NaN where the place lies outside. */
function between(place: number, size: number): [low: number, high: number, weight: number] {
  if (!(place >= -1 && place <= size)) return [0, 0, Number.NaN];
  const low = Math.min(size - 1, Math.floor(Math.max(0, place)));
  return [low, Math.min(size - 1, low + 1), Math.max(0, Math.min(size - 1, place) - low)];
}

export const roiAlign: Reference<'roiAlign'> = ({ floats, words }, table, x, regions, images, y) => {
  const [channels = 0, height = 0, width = 0, count = 0, rows = 0, columns = 0, ratio = 0, isMax, isHalfPixel] =
    words.subarray(table / 4, table / 4 + 9);
  const scale = floats[table / 4 + 9]!;
  const offset = isHalfPixel ? 0.5 : 0;
  let target = y / 4;
  for (let region = 0; region < count; region++) {
    const [left = 0, top = 0, right = 0, bottom = 0] = floats
      .subarray(regions / 4 + 4 * region, regions / 4 + 4 * region + 4)
      .map((place) => place * scale - offset);
    /** Start of the region, size of its bins, and samples of a bin. */
    const bins = (from: number, to: number, parts: number) => {
      const size = isHalfPixel ? to - from : Math.max(1, to - from);
      return [from, size / parts, Math.min(MOST_SAMPLES, ratio || Math.max(0, Math.ceil(size / parts)))] as const;
    };
    const [y0, binHeight, down] = bins(top, bottom, rows);
    const [x0, binWidth, across] = bins(left, right, columns);
    for (let channel = 0; channel < channels; channel++) {
      const plane = x / 4 + (words[images / 4 + region]! * channels + channel) * height * width;
      for (let bin = 0; bin < rows * columns; bin++) {
        let [sum, most] = [0, -Infinity];
        for (let sample = 0; sample < down * across; sample++) {
          const v = Math.floor(bin / columns) + (Math.floor(sample / across) + 0.5) / down;
          const h = (bin % columns) + ((sample % across) + 0.5) / across;
          const [up, low, v1] = between(y0 + v * binHeight, height);
          const [from, to, h1] = between(x0 + h * binWidth, width);
          const corner = (row: number, column: number, weight: number) =>
            weight * floats[plane + row * width + column]!;
          const corners = [
            corner(up, from, (1 - v1) * (1 - h1)),
            corner(up, to, (1 - v1) * h1),
            corner(low, from, v1 * (1 - h1)),
            corner(low, to, v1 * h1),
          ];
          const isInside = !Number.isNaN(v1 + h1);
          // The largest is taken of the weighted corners, not of the samples.
          for (const value of isInside ? corners : [0]) {
            sum += value;
            most = Math.max(most, value);
          }
        }
        const samples = down * across;
        floats[target++] = samples === 0 ? 0 : isMax ? most : sum / samples;
      }
    }
  }
};
