/**
 * How far the outputs of one model are from another's, gathered over many runs.
 */
import { elementsOf } from './data/tensor-numbers.ts';
import type { Tensor } from './graph/tensor.ts';

/** Figures of one output over all runs; `b` is the reference. */
export interface OutputComparison {
  readonly name: string;
  /** Of the first run. */
  readonly shape: readonly number[];
  /** max |a − b|; infinite where one of the two is not finite and the other differs. */
  readonly maxAbsoluteError: number;
  /** max |a − b| / max |b|. */
  readonly maxRelativeError: number;
  /** √(Σ(a − b)² / Σb²). */
  readonly rmsRelativeError: number;
  /** Σab / √(Σa² Σb²), 1 where both are zero. */
  readonly cosine: number;
  /** Fraction of samples with the same largest class, for outputs (N, C) with C ≥ 2. */
  readonly top1Agreement?: number;
  /** Fraction of pixels with the same largest channel, for outputs (N, C, H, W) with C ≥ 2. */
  readonly maskAgreement?: number;
}

/** Gathers the figures of one output, run by run. */
export interface OutputComparer {
  /** Takes the first `rows` samples of one run's output; all unless given. Throws `RangeError` where the shapes differ. */
  add(a: Tensor, b: Tensor, rows?: number): void;
  /** The figures so far. */
  result(): OutputComparison;
}

/** Starts a comparison of the output called `name`. */
export function compareOutput(name: string): OutputComparer {
  let shape: readonly number[] | undefined;
  let maxDifference = 0;
  let maxReference = 0;
  const sums = { difference: 0, a: 0, b: 0, ab: 0 };
  const agreement = { equal: 0, total: 0 };

  return {
    add(a, b, rows) {
      if (a.shape.join() !== b.shape.join()) {
        throw new RangeError(`output ${name} has shape [${a.shape}], against [${b.shape}]`);
      }
      if (a.dtype === 'string' || b.dtype === 'string') {
        throw new TypeError(`output ${name} holds strings, which have no distance`);
      }
      shape ??= a.shape;
      const [x, y] = [elementsOf(a), elementsOf(b)];
      const batch = a.shape[0] ?? 1;
      const end = rows === undefined || rows >= batch ? x.length : (x.length / batch) * rows;
      for (let index = 0; index < end; index++) {
        const [p, q] = [x[index]!, y[index]!];
        if (Object.is(p, q)) {
          if (!Number.isFinite(p)) continue;
        } else if (!Number.isFinite(p - q)) {
          maxDifference = Number.POSITIVE_INFINITY;
          continue;
        }
        maxDifference = Math.max(maxDifference, Math.abs(p - q));
        maxReference = Math.max(maxReference, Math.abs(q));
        sums.difference += (p - q) ** 2;
        sums.a += p * p;
        sums.b += q * q;
        sums.ab += p * q;
      }
      const [samples = 0, classes = 0, ...rest] = a.shape;
      if (a.shape.length >= 2 && classes >= 2 && (rest.length === 0 || rest.length === 2)) {
        const pixels = rest.reduce((product, dim) => product * dim, 1);
        const counted = Math.min(rows ?? samples, samples);
        for (let sample = 0; sample < counted; sample++) {
          for (let pixel = 0; pixel < pixels; pixel++) {
            const start = sample * classes * pixels + pixel;
            if (largest(x, start, pixels, classes) === largest(y, start, pixels, classes)) agreement.equal++;
          }
        }
        agreement.total += counted * pixels;
      }
    },
    result() {
      const fraction = agreement.total > 0 ? agreement.equal / agreement.total : undefined;
      const isMask = (shape?.slice(2) ?? []).some((dim) => dim > 1);
      const norm = Math.sqrt(sums.a * sums.b);
      const bothZero = sums.a === 0 && sums.b === 0;
      return {
        name,
        shape: shape ?? [],
        maxAbsoluteError: maxDifference,
        maxRelativeError: ratio(maxDifference, maxReference),
        rmsRelativeError:
          maxDifference === Number.POSITIVE_INFINITY ? maxDifference : Math.sqrt(ratio(sums.difference, sums.b)),
        cosine: bothZero ? 1 : norm === 0 ? 0 : sums.ab / norm,
        ...(fraction !== undefined && (isMask ? { maskAgreement: fraction } : { top1Agreement: fraction })),
      };
    },
  };
}

const ratio = (error: number, reference: number): number => (error === 0 ? 0 : error / reference);

/** Index of the largest of `count` values, `stride` apart from `start`; the first of equals. */
export function largest(values: ArrayLike<number>, start: number, stride: number, count: number): number {
  let best = 0;
  for (let index = 1; index < count; index++) {
    if (values[start + index * stride]! > values[start + best * stride]!) best = index;
  }
  return best;
}
