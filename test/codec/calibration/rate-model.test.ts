import { describe, expect, it } from 'vitest';
import { chainsCode } from '../../../formats/fqz/chains-code.ts';
import { forEachCoded } from '../../../formats/fqz/coded-order.ts';
import { levelsCode } from '../../../formats/fqz/levels-code.ts';
import { RangeEncoder } from '../../../formats/fqz/range-encoder.ts';
import type { LevelPlaces } from '../../../src/codec/calibration/level-neighbours.ts';
import {
  chainRates,
  type FileStatistics,
  initialStatistics,
  type LevelRates,
  levelRates,
} from '../../../src/codec/calibration/rate-model.ts';
import { chainModel } from '../../../src/codec/chain-model.ts';
import { indexOf, multipleOf, nextState, quantizerOf } from '../../../src/codec/dependent.ts';
import { stridesOf } from '../../../src/codec/einsum.ts';
import { normal } from '../../support/random.ts';

/** Levels whose scale falls off along `frequencyAxes`, as in a filter's DCT. */
function someLevels(
  shape: readonly number[],
  frequencyAxes: readonly number[],
  scale: number,
  seed: number,
): Int32Array {
  const next = normal(seed);
  const strides = stridesOf(shape);
  return Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => {
    const frequency = frequencyAxes.reduce((sum, axis) => sum + (Math.floor(at / strides[axis]!) % shape[axis]!), 0);
    return Math.round((scale * next()) / (1 + frequency));
  });
}

interface Coded {
  readonly shape: number[];
  readonly frequencyAxes: number[];
  readonly levels: Int32Array;
  readonly chainAxis?: number;
}

/** Bits of the file's own coder. */
function codedBits(tensors: readonly Coded[]): number {
  const symbols = tensors.flatMap((tensor) => {
    const ordered: number[] = [];
    forEachCoded(layoutOf(tensor), (offset) => ordered.push(tensor.levels[offset]!));
    return tensor.chainAxis === undefined ? ordered : indicesOf(ordered, tensor.shape[tensor.chainAxis]!);
  });
  const encoder = new RangeEncoder(symbols);
  const [uniform, chains] = [levelsCode(encoder), chainsCode(encoder)];
  for (const tensor of tensors) (tensor.chainAxis === undefined ? uniform : chains)(layoutOf(tensor));
  return 8 * encoder.finish().length;
}

const layoutOf = ({ shape, frequencyAxes, chainAxis }: Omit<Coded, 'levels'>) => ({
  shape,
  frequencyAxes,
  frequencies: frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1),
  ...(chainAxis !== undefined && { chainAxis }),
});

/** Indices of multiples that lie chain by chain. */
function indicesOf(multiples: readonly number[], chains: number): number[] {
  let state = 0;
  return multiples.map((multiple, at) => {
    if (at % (multiples.length / chains) === 0) state = 0;
    const index = indexOf(quantizerOf(state), multiple);
    state = nextState(state, index);
    return index;
  });
}

/** One row per entry along the first axis. */
const byFirstAxis = (shape: readonly number[]): LevelPlaces => {
  const columns = shape.slice(1).reduce((a, b) => a * b, 1);
  return {
    shape,
    rows: Uint32Array.from({ length: shape[0]! }, (_, row) => row * columns),
    columns: Uint32Array.from({ length: columns }, (_, column) => column),
  };
};

describe('levelRates', () => {
  const tensors = [
    { shape: [16, 3, 3, 3], frequencyAxes: [2, 3], scale: 12 },
    { shape: [40, 24, 3, 3], frequencyAxes: [2, 3], scale: 2 },
    { shape: [64, 50], frequencyAxes: [], scale: 300 },
    { shape: [30, 20, 1, 5], frequencyAxes: [3], scale: 0.4 },
  ].map((tensor, seed) => ({ ...tensor, levels: someLevels(tensor.shape, tensor.frequencyAxes, tensor.scale, seed) }));

  it("taken frequency by frequency, are the bits of the file's coder", () => {
    const statistics = initialStatistics();
    let bits = 0;
    for (const { shape, frequencyAxes, levels } of tensors) {
      const order: number[] = [];
      forEachCoded(layoutOf({ shape, frequencyAxes }), (offset) => order.push(offset));
      // A matrix with a row for each run along the last of the other axes.
      const length = shape.findLast((_, axis) => !frequencyAxes.includes(axis))!;
      const stride = order[1]! - order[0]!;
      const rows = Uint32Array.from({ length: order.length / length }, (_, row) => order[row * length]!);
      const columns = Uint32Array.from({ length }, (_, column) => column * stride);
      bits += uniformBits(statistics, { shape, rows, columns }, levels);
    }
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.005);
  });

  it('taken output by output, come near them', () => {
    const statistics = initialStatistics();
    const bits = tensors.reduce(
      (sum, { shape, levels }) => sum + uniformBits(statistics, byFirstAxis(shape), levels),
      0,
    );
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.02);
  });

  it('see neighbours in other matrices of the same tensor', () => {
    // Two groups of a convolution: rows 0 and 1, and 2 and 3, of one tensor.
    const shape = [4, 6];
    const levels = someLevels(shape, [], 5, 9);
    const columns = Uint32Array.from({ length: 6 }, (_, column) => column);
    const whole = levelRates(initialStatistics(), byFirstAxis(shape), levels);
    const second = levelRates(initialStatistics(), { shape, rows: Uint32Array.of(12, 18), columns }, levels);
    for (let row = 0; row < 2; row++) {
      whole.beginRow(2 + row);
      second.beginRow(row);
      const own = levels.subarray(12 + 6 * row);
      for (let column = 0; column < 6; column++) {
        expect(second.contextOf(column, own, 0, 0, 0)).toBe(whole.contextOf(column, own, 0, 0, 0));
      }
    }
  });
});

describe('chainRates', () => {
  const tensors = [
    { shape: [40, 24, 3, 3], frequencyAxes: [2, 3], scale: 4, chainAxis: 0 },
    { shape: [50, 60], frequencyAxes: [], scale: 300, chainAxis: 1 },
    { shape: [20, 30, 1, 5], frequencyAxes: [3], scale: 0.8, chainAxis: 1 },
  ].map((tensor, seed) => {
    const indices = someLevels(tensor.shape, tensor.frequencyAxes, tensor.scale, seed);
    const levels = new Int32Array(indices.length);
    const length = indices.length / tensor.shape[tensor.chainAxis]!;
    let [state, place] = [0, 0];
    forEachCoded(layoutOf(tensor), (offset) => {
      if (place++ % length === 0) state = 0;
      levels[offset] = multipleOf(quantizerOf(state), indices[offset]!);
      state = nextState(state, indices[offset]!);
    });
    return { ...tensor, levels };
  });

  it("are the bits of the file's coder, but for what is learned within a row", () => {
    const statistics = initialStatistics();
    let bits = 0;
    for (const tensor of tensors) {
      const { shape, chainAxis, levels } = tensor;
      const order: number[] = [];
      forEachCoded(layoutOf(tensor), (offset) => order.push(offset));
      const stride = stridesOf(shape)[chainAxis]!;
      const rows = Uint32Array.from({ length: shape[chainAxis]! }, (_, row) => row * stride);
      const columns = Uint32Array.from(order.slice(0, levels.length / rows.length));
      const known = new Int32Array(levels.length);
      const rates = chainRates(statistics, chainModel(columns.length), { shape, rows, columns }, known);
      bits += bitsOf(rates, { shape, rows, columns }, levels, (row) => indicesOf([...row], 1));
      expect(known).toEqual(levels);
    }
    expect(Math.abs(bits / codedBits(tensors) - 1)).toBeLessThan(0.01);
  });
});

function uniformBits(statistics: FileStatistics, places: LevelPlaces, levels: Int32Array): number {
  const known = new Int32Array(levels.length);
  const bits = bitsOf(levelRates(statistics, places, known), places, levels, (row) => row);
  expect(known).toEqual(levels);
  return bits;
}

/** Bits by the model, row after row; the machine of chains is run over the indices that `indicesOf` gives. */
function bitsOf(
  rates: LevelRates,
  { rows, columns }: LevelPlaces,
  levels: Int32Array,
  indicesOf: (row: Int32Array) => ArrayLike<number>,
): number {
  let bits = 0;
  rows.forEach((start, row) => {
    const own = Int32Array.from(columns, (offset) => levels[start + offset]!);
    const indices = indicesOf(own);
    rates.beginRow(row);
    for (let column = 0, state = 0, before = 0; column < columns.length; column++) {
      const context = rates.contextOf(column, own, 0, before, quantizerOf(state));
      bits += rates.bits(context, Math.abs(indices[column]!));
      state = nextState(state, indices[column]!);
      before += Math.abs(own[column]!);
    }
    rates.endRow(own);
  });
  return bits;
}
