import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../formats/onnx/read.ts';
import { expandNetwork } from '../../src/codec/expand.ts';
import { liveCount, type Parameter, storedWeight } from '../../src/fit/parameter.ts';
import { type ParameterizeOptions, parameterize } from '../../src/fit/parameterize.ts';
import { randomStream } from '../../src/fit/random.ts';
import { type Model, node } from '../../src/graph/graph.ts';
import { toFloat32 } from '../../src/graph/numbers.ts';
import { elementCount, float32Tensor } from '../../src/graph/tensor.ts';
import { normal } from '../support/random.ts';
import { buildModel } from '../support/run-model.ts';

const smoothUnet = () =>
  readOnnx(new Uint8Array(readFileSync(new URL('../../fixtures/smooth-unet.onnx', import.meta.url))));

const digits = () => readOnnx(new Uint8Array(readFileSync(new URL('../../fixtures/digits-cnn.onnx', import.meta.url))));

const parametersOf = (model: Model, options: Partial<ParameterizeOptions>) =>
  parameterize(model, { coefficients: 2000, start: 'trained', biases: true, random: randomStream(1), ...options });

const countOf = (parameters: readonly Parameter[]) =>
  parameters.reduce((sum, parameter) => sum + liveCount(parameter), 0);

/** How far the weight of a parameter is from that of the model, relatively; finely rounded. */
function errorOf(model: Model, parameter: Parameter): number {
  const stored = storedWeight({ ...parameter, step: 1e-4 });
  const found = expandNetwork('network' in stored ? stored.network : expect.fail('no network'));
  const own = toFloat32(model.graph.initializers.get(parameter.name)!);
  const energy = own.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(own.reduce((sum, value, at) => sum + (value - found[at]!) ** 2, 0) / energy);
}

describe('parameters of a model that is made of few coefficients', () => {
  it('are all of these, and no more where there is room for more', () => {
    const model = smoothUnet();
    const parameters = parametersOf(model, {});
    expect(parameters).toHaveLength(5);
    for (const parameter of parameters) {
      expect(errorOf(model, parameter)).toBeLessThan(2e-3);
      expect(liveCount(parameter)).toBeLessThan(elementCount(parameter.shape) / 10);
    }
    expect(countOf(parametersOf(smoothUnet(), { coefficients: 9000 }))).toBe(countOf(parameters));
  });

  it('are fewer where there is room for fewer', () => {
    expect(countOf(parametersOf(smoothUnet(), { coefficients: 150 }))).toBeLessThanOrEqual(150);
  });

  it('are none of the ones and zeros of norms that learned no scale and shift', () => {
    const names = parametersOf(smoothUnet(), { start: 'fresh' }).map(({ name }) => name);
    expect(names.filter((name) => /^(one|zero)/.test(name))).toEqual([]);
  });
});

describe('parameters of an ordinary trained model', () => {
  const matrices = (parameters: readonly Parameter[]) => parameters.filter(({ folded }) => folded.length > 1);

  it('are all of its numbers, with frequencies along the windows of filters only', () => {
    const model = digits();
    const parameters = matrices(parametersOf(model, { coefficients: 1e6 }));
    expect(parameters.some(({ axes }) => axes.length > 0)).toBe(true);
    for (const parameter of parameters) {
      expect(parameter.axes).toEqual(parameter.folded.flatMap((size, axis) => (axis > 1 && size > 1 ? [axis] : [])));
      expect(liveCount(parameter)).toBe(elementCount(parameter.shape));
      expect(errorOf(model, parameter)).toBeLessThan(1e-3);
    }
  });

  it('are the largest ones where there is room for fewer, the same part of every weight', () => {
    const whole = matrices(parametersOf(digits(), { coefficients: 1e6 }));
    const count = countOf(whole);
    const parts = matrices(parametersOf(digits(), { coefficients: Math.round(count / 3) }));
    parts.forEach(({ live, values, scale, shape }, at) => {
      const kept = live.reduce((sum, flag) => sum + flag, 0);
      expect(kept / elementCount(shape)).toBeCloseTo(1 / 3, 1);
      const all = whole[at]!;
      const absent = all.values.map((value, index) => (live[index] ? 0 : Math.abs(value * all.scale)));
      const present = values.filter((_, index) => live[index] === 1).map((value) => Math.abs(value * scale));
      expect(Math.min(...present)).toBeGreaterThanOrEqual(0.9999 * Math.max(...absent));
    });
  });
});

describe('what is added or multiplied', () => {
  const next = normal(3);
  const noise = (...shape: number[]) =>
    float32Tensor(
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => next()),
    );
  const model = () =>
    buildModel(
      21,
      { x: ['N', 10, 8] },
      [
        node('MatMul', ['x', 'w'], ['a']),
        node('Add', ['a', 'places'], ['b']),
        node('Mul', ['b', 'ones'], ['c']),
        node('Div', ['c', 'number'], ['d']),
        node('Add', ['d', 'few'], ['y']),
      ],
      ['y'],
      {
        w: noise(8, 8),
        places: noise(10, 8),
        ones: float32Tensor([10, 8], new Float32Array(80).fill(1)),
        number: noise(),
        few: noise(8),
      },
    );

  it.each(['trained', 'fresh'] as const)('is trained from its own numbers where there are many (%s)', (start) => {
    const own = model();
    const parameters = parametersOf(own, { start });
    expect(parameters.map(({ name }) => name).sort()).toEqual(['places', 'w']);
    const places = parameters.find(({ name }) => name === 'places')!;
    expect(errorOf(own, places)).toBeLessThan(1e-3);
    expect(places.axes).toEqual([]);
  });
});
