/**
 * Holds gradients against central differences, both computed by onnxruntime.
 */
import { writeOnnx } from '../../formats/onnx/write.ts';
import { appendGradients, type GradientOptions } from '../../src/fit/gradient.ts';
import type { Model } from '../../src/graph/graph.ts';
import { type FloatDType, fromFloats, toNumbers } from '../../src/graph/numbers.ts';
import { elementCount, type NumericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { random } from './random.ts';
import { copyOf } from './run-model.ts';

export interface GradientCheck {
  readonly model: Model;
  /** Values of the model's inputs. */
  readonly feeds: ReadonlyMap<string, NumericTensor>;
  /** The inputs to differentiate by. */
  readonly of: readonly string[];
  /** Distance of the inner differences: small where the function bends, large where rounding hurts. */
  readonly step?: number;
  readonly options?: GradientOptions;
  readonly engine?: 'node' | 'web';
}

/** Elements of each input that are varied on their own; besides, all are varied at once. */
const MOST_ELEMENTS = 5;

/** Slopes at two distances that differ by more have a kink between them, and say nothing of the gradient. */
const KINK = 2e-3;

type Values = ReadonlyMap<string, Tensor>;

/**
 * The largest difference between gradients and differences, relative to the largest element of that gradient. The loss is the
 * sum of all outputs, each element times a random weight. Infinite where a gradient has not its input's shape, or a quarter of
 * the directions cannot be judged because the function has a kink there.
 */
export async function gradientError(check: GradientCheck): Promise<number> {
  const { model, feeds, of, step = 1 / 64, engine = 'node' } = check;
  const next = random(11);
  const session = await openOnnx(writeOnnx(model), { engine, threads: 1 });
  try {
    const weights = new Map<string, NumericTensor>();
    for (const [name, { dtype, shape }] of await session.run(feeds)) {
      const values = Array.from({ length: elementCount(shape) }, () => next() * 2 - 1);
      weights.set(name, fromFloats(dtype as FloatDType, shape, values));
    }
    const gradients = await gradientsOf(check, weights);
    const loss = async (input: string, values: Float64Array): Promise<number> => {
      const { dtype, shape } = feeds.get(input)!;
      const results = await session.run(new Map(feeds).set(input, fromFloats(dtype as FloatDType, shape, values)));
      return [...weights].reduce(
        (sum, [name, tensor]) => sum + dot(toNumbers(results.get(name)!), toNumbers(tensor)),
        0,
      );
    };
    let [worst, directions, kinks] = [0, 0, 0];
    for (const input of of) {
      const gradient = gradients.get(input)!;
      if (`${gradient.shape}` !== `${feeds.get(input)!.shape}`) return Number.POSITIVE_INFINITY;
      const [at, slopes] = [Float64Array.from(toNumbers(feeds.get(input)!)), toNumbers(gradient)];
      const scale = Math.max(1e-2, ...slopes.map(Math.abs));
      for (const direction of [at.map(() => (next() < 0.5 ? -1 : 1)), ...someElements(at.length, next)]) {
        const moved = (distance: number) => at.map((value, index) => value + distance * direction[index]!);
        const slope = async (distance: number) =>
          ((await loss(input, moved(distance))) - (await loss(input, moved(-distance)))) / (2 * distance);
        const size = scale * Math.sqrt(dot(direction, direction));
        const [inner, outer] = [await slope(step), await slope(2 * step)];
        directions++;
        if (Math.abs(inner - outer) > KINK * size) {
          kinks++;
          continue;
        }
        // So that the third derivative falls out.
        const error = Math.abs((4 * inner - outer) / 3 - dot(slopes, direction));
        if (Number.isNaN(error)) return Number.NaN;
        worst = Math.max(worst, error / size);
      }
    }
    return kinks > directions / 4 ? Number.POSITIVE_INFINITY : worst;
  } finally {
    await session.release();
  }
}

/** The gradients by the inputs in `of`, by their names, for these cotangents of the outputs. */
async function gradientsOf({ model, feeds, of, options, engine = 'node' }: GradientCheck, weights: Values) {
  const both = copyOf(model);
  for (const [name, tensor] of weights) both.graph.initializers.set(`cotangent of ${name}`, tensor);
  const seeds = new Map([...weights.keys()].map((name) => [name, `cotangent of ${name}`]));
  const names = appendGradients(both, seeds, of, options);
  both.graph.outputs = [...new Set(names.values())].map((name) => ({ name }));
  const session = await openOnnx(writeOnnx(both), { engine, threads: 1 });
  try {
    const results = await session.run(feeds);
    return new Map(of.map((name) => [name, results.get(names.get(name)!)!]));
  } finally {
    await session.release();
  }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/** Directions along single elements. */
function someElements(length: number, next: () => number): Float64Array[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(length, MOST_ELEMENTS)) chosen.add(Math.floor(next() * length));
  return [...chosen].map((index) => new Float64Array(length).fill(1, index, index + 1));
}
