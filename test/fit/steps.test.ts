import { describe, expect, it } from 'vitest';
import { grow, prune } from '../../src/fit/allocation.ts';
import { clipNorm, descend, newMoments } from '../../src/fit/optimizer.ts';
import { levelsOf, liveCount, newParameter, type Parameter, storedWeight } from '../../src/fit/parameter.ts';
import { coreOf, setSteps, stepSlope } from '../../src/fit/quantization.ts';
import { randomStream, shuffled } from '../../src/fit/random.ts';
import { addRateSlopes, nextRateWeight } from '../../src/fit/rate.ts';
import { keptPart, learningRate } from '../../src/fit/schedule.ts';
import { normal } from '../support/random.ts';

const parameterOf = (box: number[], count: number): Parameter => {
  const next = normal(3);
  const parameter = newParameter(
    { name: 'w', dtype: 'float32', shape: [8, 8], folded: [8, 8], axes: [0, 1], box, scale: 0.3 },
    count,
  );
  for (let at = 0; at < parameter.values.length; at++) if (parameter.live[at]) parameter.values[at] = next();
  parameter.step = 0.2;
  return parameter;
};

describe('optimisers', () => {
  /** The example of Kingma and Ba's algorithm 1, written out. */
  it('take the steps of Adam', () => {
    const values = Float32Array.of(1, -2);
    const moments = newMoments(2);
    const expected = [1, -2];
    const [m, v] = [
      [0, 0],
      [0, 0],
    ];
    for (let count = 1; count <= 5; count++) {
      const gradient = Float32Array.from(values, (value) => 2 * value);
      for (const at of [0, 1]) {
        const g = 2 * expected[at]!;
        m[at] = 0.9 * m[at]! + 0.1 * g;
        v[at] = 0.999 * v[at]! + 0.001 * g * g;
        expected[at]! -= (0.1 * (m[at]! / (1 - 0.9 ** count))) / (Math.sqrt(v[at]! / (1 - 0.999 ** count)) + 1e-8);
      }
      descend(values, gradient, moments, 0.1, count);
    }
    expect(values[0]).toBeCloseTo(expected[0]!, 5);
    expect(values[1]).toBeCloseTo(expected[1]!, 5);
  });

  it('decay the values with AdamW, whatever the gradient', () => {
    const values = Float32Array.of(2);
    descend(values, Float32Array.of(0), newMoments(1), 0.1, 1, { kind: 'adamw', weightDecay: 0.5 });
    expect(values[0]).toBeCloseTo(1.9, 6);
  });

  it('gather momentum with SGD', () => {
    const values = Float32Array.of(0);
    const moments = newMoments(1);
    for (let count = 1; count <= 3; count++) {
      descend(values, Float32Array.of(1), moments, 1, count, { kind: 'sgd', beta1: 0.5 });
    }
    expect(values[0]).toBeCloseTo(-(1 + 1.5 + 1.75), 6);
  });

  it('leave alone what is not live', () => {
    const values = Float32Array.of(1, 1);
    descend(values, Float32Array.of(1, 1), newMoments(2), 0.1, 1, {}, Uint8Array.of(0, 1));
    expect(values[0]).toBe(1);
    expect(values[1]).toBeCloseTo(0.9, 5);
  });

  it('clip the norm of all gradients together', () => {
    const gradients = [Float32Array.of(3), Float32Array.of(0, 4)];
    expect(clipNorm(gradients, 1)).toBe(5);
    expect(gradients[0]![0]).toBeCloseTo(0.6);
    expect(gradients[1]![1]).toBeCloseTo(0.8);
    expect(clipNorm(gradients, 2)).toBeCloseTo(1);
  });
});

describe('schedules', () => {
  it('warm up, then fall along half a cosine', () => {
    expect(learningRate(0, 1000, 1, 100)).toBeCloseTo(0.01);
    expect(learningRate(99, 1000, 1, 100)).toBe(1);
    expect(learningRate(550, 1000, 1, 100)).toBeCloseTo(0.5);
    expect(learningRate(1000, 1000, 1, 100)).toBeCloseTo(0);
  });

  it("cut tails as the paper's recursion does", () => {
    const options = { schedule: 'tail', floor: 0.2, dropRate: 0.01 } as const;
    let keep = 1;
    for (let step = 0; step < 300; step++) {
      expect(keptPart(step, options, randomStream(1))).toBeCloseTo(keep, 9);
      keep -= 0.01 * (keep - 0.2);
    }
  });

  it('cut tails at random, never below the floor', () => {
    const random = randomStream(1);
    const parts = Array.from({ length: 500 }, () =>
      keptPart(9, { schedule: 'random-tail', floor: 0.25, dropRate: 0 }, random),
    );
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0.25);
    expect(Math.min(...parts)).toBeLessThan(0.3);
    expect(Math.max(...parts)).toBeGreaterThan(0.95);
  });
});

describe('randomness', () => {
  it('is the same for the same keys only', () => {
    const draw = (...keys: number[]) => Array.from({ length: 4 }, randomStream(...keys).uniform);
    expect(draw(1, 2)).toEqual(draw(1, 2));
    expect(draw(1, 2)).not.toEqual(draw(2, 1));
    expect(draw(1, 2)).not.toEqual(draw(1, 3));
  });

  it('shuffles every number into a place of its own', () => {
    const order = shuffled(100, randomStream(5));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at));
    expect([...order.slice(0, 5)]).not.toEqual([0, 1, 2, 3, 4]);
  });
});

describe('rounding', () => {
  it('feeds the numbers that the file holds', () => {
    const parameter = parameterOf([5, 4], 9);
    const stored = storedWeight(parameter);
    if (!('network' in stored)) throw new Error('not a network');
    const [operand] = stored.network.operands;
    if (operand?.kind !== 'quantized') throw new Error('not quantised');
    const [rows, columns] = operand.shape as [number, number];
    const core = coreOf(parameter, true);
    for (let row = 0; row < 5; row++) {
      for (let column = 0; column < 4; column++) {
        const inside = row < rows && column < columns;
        const stored = inside ? operand.levels[row * columns + column]! * operand.step : 0;
        expect(core[row * 4 + column]).toBeCloseTo(stored, 6);
      }
    }
    expect(levelsOf(parameter).filter((level) => level !== 0).length).toBeLessThanOrEqual(9);
  });

  it('leaves out what is behind the cut', () => {
    const parameter = parameterOf([5, 4], 9);
    expect(coreOf(parameter, false, 4).filter((value) => value !== 0).length).toBe(4);
  });

  it('tells the step how a quadratic loss feels it', () => {
    // Loss ½ Σ (q − a)² of the rounded values q = s·round(v/s): where no level changes, its slope by log s is Σ (q − a) q,
    // of which straight-through estimation has Σ (q − a) (q − v).
    const parameter = parameterOf([5, 4], 20);
    const step = 0.1875 / 0.3;
    parameter.step = step;
    const q = Float32Array.from(parameter.values, (value) => step * Math.round(value / step));
    const slopes = q.map((value, at) => value - 0.1 * at);
    const expected = q.reduce((sum, value, at) => sum + slopes[at]! * (value - parameter.values[at]!), 0);
    expect(stepSlope(parameter, slopes)).toBeCloseTo(expected, 4);
  });
});

describe('steps for a size', () => {
  it('are coarser where slopes are smaller, and give the size', () => {
    const parameters = [parameterOf([8, 8], 64), parameterOf([8, 8], 64)];
    const moments = parameters.map(() => newMoments(64));
    moments[0]!.second.fill(1e-4);
    moments[1]!.second.fill(1e-2);
    const levels = () => parameters.flatMap((parameter) => [...levelsOf(parameter)]);
    const size = () => levels().reduce((sum, level) => sum + Math.abs(level), 0);
    for (const wanted of [1000, 200]) {
      setSteps(parameters, moments, size, wanted);
      expect(size()).toBeGreaterThan(0.95 * wanted);
      expect(size()).toBeLessThan(1.05 * wanted);
      expect(parameters[0]!.step / parameters[1]!.step).toBeCloseTo(100 ** 0.35, 4);
    }
  });
});

describe('the rate term', () => {
  const bits = ({ values, live, step }: Parameter) =>
    values.reduce((sum, value, at) => sum + (live[at] ? Math.log2(1 + Math.abs(value) / step) : 0), 0);

  it('has the slopes of its estimate of bits', () => {
    const parameter = parameterOf([5, 4], 12);
    const slopes = new Float32Array(20);
    const byStep = addRateSlopes(parameter, 3, slopes);
    for (const [at, value] of parameter.values.entries()) {
      const around = [-1e-3, 1e-3].map((difference) => {
        parameter.values[at] = value + difference;
        return bits(parameter);
      });
      parameter.values[at] = value;
      if (parameter.live[at]) expect(slopes[at]).toBeCloseTo((3 * (around[1]! - around[0]!)) / 2e-3, 2);
      else expect(slopes[at]).toBe(0);
    }
    const { step } = parameter;
    const around = [Math.exp(-1e-3), Math.exp(1e-3)].map((factor) => bits({ ...parameter, step: step * factor }));
    expect(byStep).toBeCloseTo((3 * (around[1]! - around[0]!)) / 2e-3, 2);
  });

  it('weighs more while the file is too large, and less while it is too small', () => {
    expect(nextRateWeight(1, 110, 100)).toBeGreaterThan(1);
    expect(nextRateWeight(1, 90, 100)).toBeLessThan(1);
    expect(nextRateWeight(1, 100, 100)).toBe(1);
    expect(nextRateWeight(1, 1e6, 100)).toBeLessThan(2);
  });
});

describe('allocation', () => {
  it('takes coefficients from where they matter least to where slopes are steepest', () => {
    const parameters = [parameterOf([5, 4], 10), parameterOf([5, 4], 10)];
    const moments = parameters.map(() => {
      const own = newMoments(20);
      own.second.fill(1);
      return own;
    });
    // The first weight's coefficients hardly matter; the second's absent ones are asked for.
    moments[0]!.second.fill(1e-9);
    moments[1]!.first.fill(5);
    expect(prune(parameters, moments, 4)).toBe(4);
    expect(parameters.map(liveCount)).toEqual([6, 10]);
    expect(parameters[0]!.values.filter((value) => value !== 0).length).toBe(6);
    grow(parameters, moments, 3);
    expect(parameters.map(liveCount)).toEqual([6, 13]);
  });
});
