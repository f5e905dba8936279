/** Samples images of any number of axes at the places of a grid, after ONNX's GridSample and its reference implementation. */
import type { Reference } from '../memory.ts';

/** Taps of an axis around a place: how many are weighed how. */
const WEIGHTS: Readonly<Record<number, (t: number) => number[]>> = {
  1: () => [1],
  2: (t) => [1 - t, t],
  4: (t) => [0, 1, 2, 3].map((tap) => keys(Math.abs(t + 1 - tap))),
};

/** Keys' cubic kernel with the coefficient −0.75. */
function keys(t: number): number {
  return t < 1 ? (1.25 * t - 2.25) * t * t + 1 : -0.75 * (((t - 5) * t + 8) * t - 4);
}

/** `x` mirrored at both ends of a range until it lies within. */
function reflected(x: number, low: number, high: number): number {
  const range = high - low;
  const t = Math.abs(x - low) % (2 * range);
  return range > 0 ? low + Math.min(t, 2 * range - t) : low;
}

/** To the nearest integer, halves to even. */
function rounded(x: number): number {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 !== 0 ? near - 1 : near;
}

export const gridSample: Reference<'gridSample'> = ({ floats, words }, table, x, grid, y) => {
  const [batch = 0, channels = 0, points = 0, taps = 1, padding, aligned, ...sizes] = words.subarray(
    table / 4 + 1,
    table / 4 + words[table / 4]!,
  );
  const plane = sizes.reduce((total, size) => total * size, 1);
  for (let at = 0; at < batch * points; at++) {
    // Offsets within the plane and their weights: the outer product of what each axis has.
    let corners: [offset: number, weight: number][] = [[0, 1]];
    for (const [axis, size] of sizes.entries()) {
      const [low, high] = aligned ? [0, size - 1] : [-0.5, size - 0.5];
      const clamp = (place: number) => Math.max(0, Math.min(size - 1, place));
      const given = floats[grid / 4 + (at + 1) * sizes.length - 1 - axis]!;
      const exact = low + ((given + 1) / 2) * (high - low);
      const place = taps === 1 ? rounded(exact) : exact;
      const first = Math.floor(place);
      corners = WEIGHTS[taps]!(place - first).flatMap((weight, tap) => {
        let index = first + tap - (taps === 4 ? 1 : 0);
        if (padding === 1) index = clamp(index);
        if (padding === 2) index = clamp(Math.trunc(reflected(index, low, high)));
        return index >= 0 && index < size
          ? corners.map(([o, w]) => [o * size + index, w * weight] as [number, number])
          : [];
      });
    }
    const image = Math.floor(at / points) * channels;
    for (let channel = image; channel < image + channels; channel++) {
      let sum = 0;
      for (const [offset, weight] of corners) sum += weight * floats[x / 4 + channel * plane + offset]!;
      floats[y / 4 + channel * points + (at % points)] = sum;
    }
  }
};
