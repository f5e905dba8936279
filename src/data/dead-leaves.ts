/**
 * Synthetic pictures with the statistics of photographs: opaque leaves of all sizes that hide one another (A. Lee, D. Mumford and J. Huang,
 * "Occlusion models for natural images", IJCV 2001). Their spectrum falls off as that of photographs does, and unlike noise of the same
 * spectrum they have edges and flat parts, which is what filters of trained networks answer to.
 */
import type { PictureDataset, Pixels } from './dataset.ts';
import { uniformNoise } from './noise.ts';

/** Mean and deviation of photographs' values, on a scale from 0 to 1. */
export const PHOTO_STATISTICS = { mean: 0.46, deviation: 0.24 } as const;

/** How much of a leaf's colour is the same in all channels, in deviations; the rest is each channel's own. */
const [COMMON, OWN] = [0.9, 0.44];
/** Deviation of the slope of a leaf's brightness, from its middle to its edge. */
const SLOPE = 0.3;
/** Deviation of the logarithm of a leaf's length against its width. */
const ELONGATION = 0.5;
/**
 * The side of a picture in radii of its smallest leaves, where these are largest; in others they are smaller, down to a pixel, some pictures
 * being sharper than others. At equal bytes, ResNet-8 (32 pixels) diverges 10 % less than with leaves of a pixel in all pictures.
 * SqueezeNet (224 pixels) diverges 26 % less with a smallest radius of 19 pixels than with one of 3.5; digits want the small ones.
 */
const COARSEST = 8;
/** Leaves a pixel, until which nearly every pixel is covered; what is not stays grey. */
const MOST_LEAVES = 2;

/** `count` different pictures of this size, the same on every machine. */
export function deadLeaves(count: number, height: number, width: number): PictureDataset {
  return {
    kind: 'pictures',
    name: 'dead leaves',
    count,
    truth: 'label',
    sample: async (index) => ({ pixels: deadLeavesPicture(index, height, width) }),
  };
}

/** The picture with number `seed`, of three channels. */
export function deadLeavesPicture(seed: number, height: number, width: number): Pixels {
  const uniform = uniformNoise(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const { mean, deviation } = PHOTO_STATISTICS;
  const data = new Uint8Array(3 * height * width).fill(Math.round(255 * mean));
  const covered = new Uint8Array(height * width);
  const side = Math.max(height, width);
  const coarsest = Math.max(1, side / COARSEST);
  const [smallest, largest] = [coarsest ** uniform(), Math.max(2, side / 2)];
  let open = height * width;
  // From front to back: a leaf is seen where nothing lies before it.
  for (let leaf = 0; leaf < MOST_LEAVES * height * width && open > 0; leaf++) {
    // Densities that fall off as r⁻³ look the same at every scale.
    const place = uniform();
    const radius = 1 / Math.sqrt((1 - place) / smallest ** 2 + place / largest ** 2);
    const [x, y] = [uniform() * (width + 2 * radius) - radius, uniform() * (height + 2 * radius) - radius];
    const brightness = COMMON * normal();
    const colour = Array.from({ length: 3 }, () => brightness + OWN * normal());
    const isRound = uniform() < 0.5;
    const aspect = Math.exp(ELONGATION * normal());
    const angle = Math.PI * uniform();
    const [length, breadth] = [radius * aspect, radius / aspect];
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const [slopeAlong, slopeAcross] = [SLOPE * normal(), SLOPE * normal()];
    const reach = Math.SQRT2 * Math.max(length, breadth);
    const [top, bottom] = [Math.max(0, Math.floor(y - reach)), Math.min(height, Math.ceil(y + reach))];
    const [left, right] = [Math.max(0, Math.floor(x - reach)), Math.min(width, Math.ceil(x + reach))];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const pixel = row * width + column;
        if (covered[pixel]) continue;
        const [dx, dy] = [column + 0.5 - x, row + 0.5 - y];
        const along = (dx * cosine + dy * sine) / length;
        const across = (dy * cosine - dx * sine) / breadth;
        const isInside = isRound ? along ** 2 + across ** 2 < 1 : Math.max(Math.abs(along), Math.abs(across)) < 1;
        if (!isInside) continue;
        covered[pixel] = 1;
        open--;
        const shade = slopeAlong * along + slopeAcross * across;
        for (const [channel, value] of colour.entries()) {
          const level = Math.round(255 * (mean + deviation * (value + shade)));
          data[3 * pixel + channel] = Math.min(Math.max(level, 0), 255);
        }
      }
    }
  }
  return { width, height, channels: 3, data };
}
