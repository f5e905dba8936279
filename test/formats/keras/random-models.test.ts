/**
 * Random models, in which every layer meets values that the graph keeps in every order, against TensorFlow.js.
 */
import { describe, expect, it } from 'vitest';
import { onnxruntimeEvaluate } from '../../../src/evaluate-constants.ts';
import { simplify } from '../../../src/graph/passes/simplify.ts';
import { random } from '../../support/random.ts';
import { copyOf, largestDifference, runModel, seededFeeds } from '../../support/run-model.ts';
import { apply, expectSameAsTfjs, layers, operatorsOf } from './tfjs-case.ts';

const tfjs = layers.layers;

type Value = Parameters<typeof apply>[1] extends infer T ? Exclude<T, unknown[]> : never;
type Choose = <T>(choices: readonly T[]) => T;

/** A layer on a value of this rank, or `undefined` where none of its kind fits. */
type Step = (value: Value, choose: Choose) => Value | undefined;

const rankOf = (value: Value) => value.shape.length;
const isImage = (value: Value) => rankOf(value) === 4;
const isLarge = (value: Value) => value.shape.slice(1, -1).every((size) => size! > 3);
const axesOf = (value: Value) => Array.from({ length: rankOf(value) - 1 }, (_, axis) => axis + 1);
const countOf = (value: Value) => value.shape.slice(1).reduce<number>((product, size) => product * size!, 1);

/** Numbers in another order. */
function shuffled(numbers: readonly number[], choose: Choose): number[] {
  const left = [...numbers];
  return numbers.map(() => left.splice(left.indexOf(choose(left)), 1)[0]!);
}

const STEPS: readonly Step[] = [
  (x, choose) =>
    isImage(x)
      ? apply(
          tfjs.conv2d({
            filters: choose([2, 3]),
            kernelSize: choose([1, 2]),
            padding: 'same',
            activation: choose(['relu', 'softmax', 'tanh'] as const),
          }),
          x,
        )
      : undefined,
  (x) => (isImage(x) ? apply(tfjs.depthwiseConv2d({ kernelSize: 2, padding: 'same' }), x) : undefined),
  (x) => (rankOf(x) === 3 ? apply(tfjs.conv1d({ filters: 3, kernelSize: 2, padding: 'same' }), x) : undefined),
  (x) => (isImage(x) && isLarge(x) ? apply(tfjs.averagePooling2d({ poolSize: 2, padding: 'same' }), x) : undefined),
  (x, choose) =>
    isImage(x) ? apply(choose([tfjs.globalMaxPooling2d, tfjs.globalAveragePooling2d])({}), x) : undefined,
  (x) => apply(tfjs.batchNormalization(), x),
  (x) => apply(tfjs.layerNormalization(), x),
  (x, choose) => apply(tfjs.layerNormalization({ axis: [choose(axesOf(x))] }), x),
  (x) => apply(tfjs.prelu(), x),
  (x, choose) => (rankOf(x) > 2 ? apply(tfjs.prelu({ sharedAxes: [choose(axesOf(x))] }), x) : undefined),
  (x) => apply(tfjs.dense({ units: 3, activation: 'softmax' }), x),
  (x) => apply(tfjs.dense({ units: 2 }), x),
  (x) => (rankOf(x) > 2 ? apply(tfjs.flatten(), x) : undefined),
  (x, choose) => (rankOf(x) > 2 ? apply(tfjs.permute({ dims: shuffled(axesOf(x), choose) }), x) : undefined),
  (x, choose) => {
    const count = countOf(x);
    const first = choose([1, 2, 3, x.shape.at(-1)!].filter((size) => count % size === 0));
    const rest = count / first;
    const second = choose([1, 2, 3].filter((size) => rest % size === 0));
    const targets = [
      [first, rest],
      [rest, first],
      [first, second, rest / second],
      [rest / second, second, first],
      [count],
    ];
    return apply(tfjs.reshape({ targetShape: choose(targets) }), x);
  },
  (x, choose) => (rankOf(x) === 2 ? apply(tfjs.repeatVector({ n: choose([1, 2]) }), x) : undefined),
  (x) =>
    isImage(x)
      ? apply(
          tfjs.zeroPadding2d({
            padding: [
              [0, 1],
              [1, 0],
            ],
          }),
          x,
        )
      : undefined,
  (x) =>
    isImage(x) && isLarge(x)
      ? apply(
          tfjs.cropping2D({
            cropping: [
              [1, 0],
              [0, 1],
            ],
          }),
          x,
        )
      : undefined,
  (x) => (isImage(x) && countOf(x) < 200 ? apply(tfjs.upSampling2d({ size: [2, 1] }), x) : undefined),
];

/** Up to `count` layers, some of which join what there was before where the shapes allow it. */
function build(inputs: Value[], seed: number, count: number): Value[] {
  const next = random(seed);
  const choose: Choose = (choices) => choices[Math.floor(next() * choices.length)]!;
  const values = [...inputs];
  for (let made = 0; made < count; ) {
    const x = next() < 0.7 ? values.at(-1)! : choose(values);
    const alike = values.filter((other) => other !== x && `${other.shape}` === `${x.shape}`);
    const joined = alike.length > 0 && next() < 0.6;
    const result = joined
      ? apply(choose([tfjs.add(), tfjs.multiply(), tfjs.concatenate({ axis: choose(axesOf(x)) })]), [x, choose(alike)])
      : choose(STEPS)(x, choose);
    if (!result) continue;
    values.push(result);
    made++;
  }
  return [values.at(-1)!, values.at(-2)!];
}

describe('random models', () => {
  it.each(Array.from({ length: 80 }, (_, seed) => seed + 1))('%d', async (seed) => {
    const options = { inputs: [[4, 5, 3]], seed, layout: seed % 2 === 0 ? 'keras' : 'nchw' } as const;
    const model = await expectSameAsTfjs(options, (inputs) => build(inputs, seed, 4 + (seed % 9)));
    const feeds = seededFeeds(model);
    const expected = await runModel(model, feeds);
    const simplified = copyOf(model);
    await simplify(simplified, { evaluate: onnxruntimeEvaluate });
    expect(largestDifference(expected, await runModel(simplified, feeds))).toBeLessThan(1e-4);
    expect(operatorsOf(simplified).length).toBeLessThanOrEqual(operatorsOf(model).length);
  });
});
