/** Seeded cases of the kernels that are rare (runtime/kernels/rare-kernels.ts), for backends that have code of their own for them. */
import type { AllKernels } from '../../../runtime/kernels/all-kernels.ts';
import { SCATTER_REDUCTIONS } from '../../../runtime/kernels/rare-kernels.ts';
import { random } from '../../support/random.ts';
import type { KernelCase, Workbench } from '../kernels/workbench.ts';

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

/** The kernels of a bench that has them all. */
const kernelsOf = (bench: Workbench) => bench.kernels as AllKernels;

/** Whole numbers in ±`most`, as int32 or float32. */
function someNumbers(uniform: () => number, count: number, most: number, integers: number): Int32Array | Float32Array {
  const numbers = Array.from({ length: count }, () => Math.round((uniform() * 2 - 1) * most));
  return integers ? Int32Array.from(numbers) : Float32Array.from(numbers);
}

const lay = (bench: Workbench, values: Int32Array | Float32Array) =>
  values instanceof Int32Array ? bench.ofIntegers(values) : bench.ofFloats(values);

const read = (bench: Workbench, at: number, count: number, integers: number) =>
  (integers ? bench.words : bench.floats).slice(at / 4, at / 4 + count);

/** The sizes of an array around its middle axis, and what kind of elements it has. */
function someArray(seed: number) {
  const uniform = random(seed);
  const pick = (choices: readonly number[]) => choices[Math.floor(uniform() * choices.length)]!;
  return {
    uniform,
    pick,
    outer: pick([1, 2, 5]),
    count: pick([1, 3, 10, 64, 65, 300, 1000]),
    inner: pick([1, 1, 2, 7, 40]),
    integers: pick([0, 1]),
  };
}

function topKCase(seed: number): KernelCase {
  const { uniform, pick, outer, count, inner, integers } = someArray(seed + 100_000);
  const largest = pick([0, 1]);
  const k = Math.ceil(uniform() * Math.min(count, pick([5, 1000])));
  // Few different ones, so that there are equals.
  const values = someNumbers(uniform, outer * count * inner, pick([3, 1000]), integers);
  return {
    name: `topK ${seed}: ${k} of ${outer}×${count}×${inner}`,
    tolerance: 0,
    run(bench) {
      const [found, places] = [bench.room(outer * k * inner), bench.room(outer * k * inner)];
      kernelsOf(bench).topK(integers, largest, k, lay(bench, values), found, places, outer, count, inner);
      const size = outer * k * inner;
      return [read(bench, found, size, integers), read(bench, places, size, 1)];
    },
  };
}

function cumulativeSumCase(seed: number): KernelCase {
  const { uniform, pick, outer, count, inner, integers } = someArray(seed + 110_000);
  const [exclusive, reverse] = [pick([0, 1]), pick([0, 1])];
  // The sums of integers run over; those of whole numbers of this size are exact in float32.
  const values = someNumbers(uniform, outer * count * inner, integers ? 2 ** 31 - 1 : 1000, integers);
  return {
    name: `cumulativeSum ${seed}: ${outer}×${count}×${inner}`,
    tolerance: 0,
    run(bench) {
      const y = bench.room(values.length);
      kernelsOf(bench).cumulativeSum(integers, lay(bench, values), y, outer, count, inner, exclusive, reverse);
      return [read(bench, y, values.length, integers)];
    },
  };
}

function scatterCase(seed: number): KernelCase {
  const { uniform, pick, count, inner, integers } = someArray(seed + 120_000);
  const size = pick([1, 8, 90]);
  const reduction = seed % SCATTER_REDUCTIONS.length;
  // Factors of ±1 and 0 stay within range; some places lie outside.
  const updates = someNumbers(uniform, count * inner, reduction === 2 ? 1 : 50, integers);
  const places = Int32Array.from({ length: count }, () => Math.floor(uniform() * (size + 2)) - 1);
  const before = someNumbers(uniform, size * inner, 50, integers);
  return {
    name: `scatter ${seed}: ${SCATTER_REDUCTIONS[reduction]}, ${count}×${inner} into ${size}`,
    tolerance: 0,
    run(bench) {
      const y = bench.room(before.length);
      (integers ? bench.words : bench.floats).set(before, y / 4);
      const [at, from] = [bench.ofIntegers(places), lay(bench, updates)];
      kernelsOf(bench).scatter(reduction, integers, at, from, y, count, inner, size);
      return [read(bench, y, before.length, integers)];
    },
  };
}

/** All cases, by kernel. */
export const RARE_CASES: Readonly<Record<string, readonly KernelCase[]>> = {
  topK: SEEDS.map(topKCase),
  cumulativeSum: SEEDS.map(cumulativeSumCase),
  scatter: SEEDS.map(scatterCase),
};
