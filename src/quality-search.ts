/**
 * Searches for the quality that a budget asks for: the best file of a size, or the smallest file that is still good enough. Every
 * candidate is a whole file, and can take a minute, so that few are tried.
 */
import { errorOfQuality } from './codec/fidelity.ts';

const [COARSEST, FINEST] = [1, 100];

/** Bytes fall with the square root of the error, more or less; two files tell better. */
const FIRST_SLOPE = -0.5;

export interface SizeSearch {
  /** Most candidates that are tried. */
  readonly steps: number;
  /** A file that leaves less than this part of the size unused ends the search. */
  readonly unused: number;
  /** Quality of the first candidate. */
  readonly start: number;
}

/**
 * The best file of at most `size` bytes that is found. Throws `RangeError` where even the coarsest is larger.
 *
 * @param at makes the file of a quality, from 1 to 100
 */
export async function searchSize<File>(
  size: number,
  at: (quality: number) => Promise<File>,
  bytesOf: (file: File) => number,
  { steps, unused, start }: SizeSearch,
): Promise<File> {
  /** Logarithms of error and bytes: of the best file that fits, and of the smallest that does not. */
  let [fitting, large]: (Point | undefined)[] = [];
  let best: File | undefined;
  let quality = start;
  for (let step = 0; step < steps; step++) {
    const file = await at(quality);
    const point = { quality, x: Math.log(errorOfQuality(quality)), y: Math.log(bytesOf(file) / size) };
    if (point.y <= 0) [fitting, best] = [point, file];
    else large = point;
    if (fitting && (quality === FINEST || fitting.y > Math.log(1 - unused))) break;
    if (quality === COARSEST && large === point) break;
    quality = nextQuality(fitting, large, unused);
  }
  if (best === undefined) {
    const coarsest = quality === COARSEST && large?.quality === COARSEST ? undefined : await at(COARSEST);
    if (coarsest !== undefined && bytesOf(coarsest) <= size) return coarsest;
    const least = coarsest === undefined ? Math.round(size * Math.exp(large!.y)) : bytesOf(coarsest);
    throw new RangeError(`${size} bytes cannot be reached: the coarsest file has ${least}`);
  }
  return best;
}

interface Point {
  readonly quality: number;
  readonly x: number;
  readonly y: number;
}

/** Where the line through what is known meets the size, a little on the safe side. */
function nextQuality(fitting: Point | undefined, large: Point | undefined, unused: number): number {
  const aim = -unused / 2;
  const from = fitting ?? large!;
  const slope = fitting && large ? (large.y - fitting.y) / (large.x - fitting.x) : FIRST_SLOPE;
  let x = from.x + (aim - from.y) / slope;
  if (fitting && large) {
    // Well inside, so that a curve that is no line does not stop the search at one end.
    const margin = 0.1 * (fitting.x - large.x);
    x = Math.min(Math.max(x, large.x + margin), fitting.x - margin);
  }
  return Math.min(Math.max(qualityOfError(Math.exp(x)), COARSEST), FINEST);
}

/** Inverse of `errorOfQuality`. */
const qualityOfError = (error: number): number => 101 - 100 * error ** (1 / 1.4);

/** Halvings of the range of quality in the search for the smallest file within a budget. */
const BUDGET_STEPS = 7;

/**
 * The file of the lowest quality that is found to be good enough, by halving: where quality and what is measured do not go quite hand in
 * hand, a lower one may exist. Throws `RangeError` where even the finest is not.
 *
 * @param suits whether a file is good enough
 */
export async function searchLowest<File>(
  at: (quality: number) => Promise<File>,
  suits: (file: File) => Promise<boolean>,
): Promise<File> {
  let [low, high] = [Math.log(errorOfQuality(FINEST)), Math.log(errorOfQuality(COARSEST))];
  let best: File | undefined;
  for (let step = 0; step < BUDGET_STEPS; step++) {
    const middle = (low + high) / 2;
    const file = await at(qualityOfError(Math.exp(middle)));
    if (await suits(file)) [low, best] = [middle, file];
    else high = middle;
  }
  if (best !== undefined) return best;
  const finest = await at(FINEST);
  if (await suits(finest)) return finest;
  throw new RangeError('the budget cannot be kept: even the finest file exceeds it');
}
