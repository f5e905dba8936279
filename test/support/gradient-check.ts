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
  /**
   * Looks in random directions in which every element adds to the loss, for large models: what rounding and the kinks of
   * single elements do is small against the slope there. Otherwise each input is varied at some elements and as a whole.
   */
  readonly rising?: boolean;
  readonly options?: GradientOptions;
  readonly engine?: 'node' | 'web';
}

/** Elements of each input that are varied on their own. */
const MOST_ELEMENTS = 5;

type Values = ReadonlyMap<string, Tensor>;

/**
 * How far each gradient is from the differences in several directions, relative to its largest element; infinite where it has
 * not its input's shape. The loss is the sum of all outputs, each element times a random weight.
 *
 * @returns by input, the errors in ascending order
 */
export async function gradientErrors(check: GradientCheck): Promise<Map<string, number[]>> {
  const { model, feeds, of, step = 1 / 64, rising = false, engine = 'node' } = check;
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
    const errors = new Map<string, number[]>();
    for (const input of of) {
      const gradient = gradients.get(input)!;
      if (`${gradient.shape}` !== `${feeds.get(input)!.shape}`) return new Map([[input, [Number.POSITIVE_INFINITY]]]);
      const [at, slopes] = [Float64Array.from(toNumbers(feeds.get(input)!)), toNumbers(gradient)];
      const scale = slopes.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-2);
      const found: number[] = [];
      errors.set(input, found);
      for (const direction of rising ? risingDirections(slopes, next) : plainDirections(at.length, next)) {
        const moved = (distance: number) => at.map((value, index) => value + distance * direction[index]!);
        const slope = async (distance: number) =>
          ((await loss(input, moved(distance))) - (await loss(input, moved(-distance)))) / (2 * distance);
        const size = rising ? dot(slopes, direction) : scale * Math.sqrt(dot(direction, direction));
        const [inner, outer] = [await slope(step), await slope(2 * step)];
        // So that the third derivative falls out.
        const error = Math.abs((4 * inner - outer) / 3 - dot(slopes, direction)) / size;
        found.push(Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      }
    }
    for (const found of errors.values()) found.sort((a, b) => a - b);
    return errors;
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

const sign = (next: () => number) => (next() < 0.5 ? -1 : 1);

function risingDirections(slopes: readonly number[], next: () => number): Float64Array[] {
  return [1, 2].map(() => Float64Array.from(slopes, (slope) => (Math.sign(slope) || sign(next)) * next()));
}

/** All elements at once, and some on their own. */
function plainDirections(length: number, next: () => number): Float64Array[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(length, MOST_ELEMENTS)) chosen.add(Math.floor(next() * length));
  const single = [...chosen].map((index) => new Float64Array(length).fill(1, index, index + 1));
  return [new Float64Array(length).map(() => sign(next)), ...single];
}
