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
  const points: Point[] = [];
  let best: { file: File; point: Point } | undefined;
  let quality = start;
  for (let step = 0; step < steps; step++) {
    const file = await at(quality);
    const point = { quality, x: Math.log(errorOfQuality(quality)), y: Math.log(bytesOf(file) / size) };
    points.push(point);
    if (point.y <= 0 && !(best && best.point.y > point.y)) best = { file, point };
    if (best && (best.point.quality === FINEST || best.point.y > Math.log(1 - unused))) break;
    if (!best && quality === COARSEST) break;
    quality = nextQuality(points, unused);
  }
  if (best) return best.file;
  const coarsest = await at(COARSEST);
  if (bytesOf(coarsest) <= size) return coarsest;
  throw new RangeError(`${size} bytes cannot be reached: the coarsest file has ${bytesOf(coarsest)}`);
}

/** A file that was made: logarithms of its error, and of its bytes over those that are wanted. */
interface Point {
  readonly quality: number;
  readonly x: number;
  readonly y: number;
}

/** Where the line through the two files that come nearest meets the size, a little on the safe side. */
function nextQuality(points: readonly Point[], unused: number): number {
  const aim = -unused / 2;
  const [near, other] = points.toSorted((a, b) => Math.abs(a.y - aim) - Math.abs(b.y - aim));
  const slope = other && other.x !== near!.x ? (other.y - near!.y) / (other.x - near!.x) : FIRST_SLOPE;
  let x = near!.x + (aim - near!.y) / (slope < 0 ? slope : FIRST_SLOPE);
  const fine = Math.max(...points.map((point) => (point.y > 0 ? point.x : Number.NEGATIVE_INFINITY)));
  const coarse = Math.min(...points.map((point) => (point.y <= 0 ? point.x : Number.POSITIVE_INFINITY)));
  // A curve that is no line is halved where lines lead out of the known range, or twice to the same side of it.
  const isStuck = points.length > 2 && points.at(-1)!.y > 0 === points.at(-2)!.y > 0;
  if (Number.isFinite(coarse - fine) && (isStuck || !(x > fine && x < coarse))) x = (fine + coarse) / 2;
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
