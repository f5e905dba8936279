/**
 * Configurations that say anything: whatever a setting is changed to, a model is built or refused in one line.
 */
import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../formats/keras/build-graph.ts';
import { LAYER_FAMILIES } from '../../../formats/keras/layer-table.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { random } from '../../support/random.ts';
import { layerModel, randomTensor } from './layer-case.ts';

const JUNK: readonly unknown[] = [
  null,
  0,
  1,
  2,
  3,
  -1,
  0.5,
  1e9,
  2 ** 53,
  1e300,
  true,
  false,
  '',
  'same',
  'valid',
  'relu',
  'constructor',
  'channels_first',
  [],
  [1],
  [2, 2],
  [3, 3],
  [1, 2, 3],
  [-1],
  [-1, -1],
  [0, 1],
  [
    [1, 1],
    [1, 1],
  ],
  [null],
  ['a'],
  [1e9, 1e9],
  {},
  { class_name: 'ReLU' },
  { class_name: 'Dense', config: {} },
  { class_name: '__tuple__', items: 3 },
  { type: 'ndarray' },
  { class_name: 'function', config: 1 },
];

const SETTINGS =
  'activation alpha axes axis bias_axes crop_to_aspect_ratio cropping data_format depth_multiplier dilation_rate dims epsilon equation filters function groups height interpolation invert keepdims kernel_size max_value mean n negative_slope newshape normalize offset output_padding padding pool_size scale shared_axes size strides target_shape threshold units use_bias variance width center'.split(
    ' ',
  );

const SHAPES: readonly (readonly (number | null)[])[] = [
  [null, 4],
  [null, 3, 4],
  [null, 4, 4, 3],
  [null, null, null, 3],
  [null, 2, 3, 4, 2],
  [null],
  [1e9, 1e9, 3],
  [null, 1e9],
  [null, 2 ** 52, 2 ** 52],
];

const names = Object.values(LAYER_FAMILIES)
  .flatMap((rows) => Object.entries(rows))
  .flatMap(([name, row]) => ('rule' in row ? [name] : []));

describe('settings of any kind', () => {
  it.each(names)('%s is read or refused', (className) => {
    const next = random(names.indexOf(className) + 1);
    const choose = <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)]!;
    for (let round = 0; round < 60; round++) {
      const config = Object.fromEntries(Array.from({ length: 6 }, () => [choose(SETTINGS), choose(JUNK)]));
      const weights = Array.from({ length: Math.floor(next() * 4) }, () =>
        randomTensor(choose([[3], [3, 4], [2, 2, 3, 4]]), 1),
      );
      const inputs = Array.from({ length: choose([1, 1, 2]) }, () => choose(SHAPES));
      try {
        buildGraph(layerModel({ className, config, weights, inputs, kerasVersion: choose(['2.15.0', '3.8.0']) }));
      } catch (error) {
        expect(error instanceof FormatError || error instanceof UnsupportedError, `${error}`).toBe(true);
        expect((error as Error).message).toMatch(/^Keras.*layer/);
        expect((error as Error).message).not.toContain('\n');
      }
    }
  });
});
