/**
 * Holds gradients against central differences, both computed by onnxruntime.
 */
import { expect } from 'vitest';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { appendGradients, type GradientOptions } from '../../src/fit/gradient.ts';
import { type Attribute, type Dim, type Model, node } from '../../src/graph/graph.ts';
import { type FloatDType, fromFloats, isFloat, toNumbers } from '../../src/graph/numbers.ts';
import { opSpec } from '../../src/graph/op-table.ts';
import { elementCount, float32Tensor, type NumericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { openOnnx } from '../../src/onnxruntime.ts';
import { normal, random } from './random.ts';
import { buildModel, copyOf } from './run-model.ts';

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

/** Random choices for cases. */
export interface Dice {
  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number;
  integers(count: number, low: number, high: number): number[];
  flip(chance?: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** Normal numbers. */
  smooth(shape: readonly number[], scale?: number): NumericTensor;
  /** Numbers no two of which, and none of which and zero, are closer than 1/20. */
  spaced(shape: readonly number[]): NumericTensor;
  /** Numbers from `low` to `high`. */
  between(low: number, high: number, shape: readonly number[]): NumericTensor;
}

export function dice(seed: number): Dice {
  const next = random(seed);
  const bell = normal(seed + 1);
  const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const filled = (shape: readonly number[], value: () => number) =>
    float32Tensor(shape, Float32Array.from({ length: elementCount(shape) }, value));
  return {
    integer,
    integers: (count, low, high) => Array.from({ length: count }, () => integer(low, high)),
    flip: (chance = 0.5) => next() < chance,
    pick: (choices) => choices[integer(0, choices.length - 1)]!,
    smooth: (shape, scale = 1) => filled(shape, () => bell() * scale),
    between: (low, high, shape) => filled(shape, () => low + next() * (high - low)),
    spaced(shape) {
      const count = elementCount(shape);
      const places = Array.from({ length: count }, (_, index) => index - Math.floor(count / 2));
      for (let at = count - 1; at > 0; at--) {
        const other = integer(0, at);
        [places[at], places[other]] = [places[other]!, places[at]!];
      }
      return filled(shape, () => (places.pop()! + 0.5) / 20);
    },
  };
}

/** One node to be checked. */
export interface NodeCase {
  readonly op: string;
  /**
   * The node's inputs: float tensors are differentiated by, unless they stand in `constant`; `undefined` for one that is
   * omitted.
   */
  readonly inputs: readonly (NumericTensor | undefined)[];
  readonly constant?: readonly number[];
  readonly attributes?: Readonly<Record<string, number | string | readonly number[]>>;
  readonly outputs?: number;
  readonly opset?: number;
  /** Axes whose sizes the graph does not tell, by input: all of them, or those at the front. */
  readonly unknown?: 'all' | 'batch';
  readonly step?: number;
}

/** A model of one node, and what to feed it. */
export function nodeCheck({
  op,
  inputs,
  constant = [],
  attributes = {},
  outputs = 1,
  opset = 21,
  unknown,
  step,
}: NodeCase) {
  const names = inputs.map((tensor, index) => (tensor ? `input${index}` : ''));
  const isFed = (tensor: NumericTensor | undefined, index: number): tensor is NumericTensor =>
    tensor !== undefined && isFloat(tensor.dtype) && !constant.includes(index);
  const fed = inputs.flatMap((tensor, index) => (isFed(tensor, index) ? [[names[index]!, tensor] as const] : []));
  const given = inputs.flatMap((tensor, index) =>
    tensor && !isFed(tensor, index) ? [[names[index]!, tensor] as const] : [],
  );
  const declared = (shape: readonly number[]): Dim[] =>
    shape.map((dim, axis) => (unknown === 'all' || (unknown === 'batch' && axis === 0) ? null : dim));
  const types = new Map(opSpec(op)!.attributes.map(({ name, type }) => [name, type]));
  const typed = Object.entries(attributes).map(([name, value]) => [
    name,
    { type: types.get(name), value } as Attribute,
  ]);
  const results = Array.from({ length: outputs }, (_, index) => `output${index}`);
  const model = buildModel(
    opset,
    Object.fromEntries(fed.map(([name, { shape }]) => [name, declared(shape)])),
    [node(op, names, results, Object.fromEntries(typed))],
    results,
    Object.fromEntries(given),
  );
  return { model, feeds: new Map(fed), of: fed.map(([name]) => name), ...(step && { step }) };
}

/** Checks `count` random cases of a node, each with its own dice. */
export async function expectGradients(count: number, make: (dice: Dice, index: number) => NodeCase): Promise<void> {
  for (let index = 0; index < count; index++) {
    const made = make(dice(1000 * index + 1), index);
    const error = await gradientError(nodeCheck(made)).catch((cause) => {
      throw new Error(describe(made), { cause });
    });
    expect(error, describe(made)).toBeLessThan(1e-3);
  }
}

function describe({ op, inputs, attributes, unknown }: NodeCase): string {
  const shapes = inputs.map((tensor) => (tensor ? `[${tensor.shape}]` : '-')).join(' ');
  return `${op} ${shapes} ${JSON.stringify(attributes ?? {})} ${unknown ?? ''}`;
}
