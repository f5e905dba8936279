import { describe, expect, it } from 'vitest';
import { type PictureInputOptions, pictureInput, picturesToTensor } from '../../src/data/picture-input.ts';
import type { DType } from '../../src/graph/dtype.ts';
import type { Dim } from '../../src/graph/graph.ts';
import { toNumbers } from '../../src/graph/numbers.ts';
import { PREPARATION_DEFAULTS } from '../../src/graph/preparation.ts';

const inputOf = (shape: Dim[], dtype: DType = 'float32', options: PictureInputOptions = {}) =>
  pictureInput([{ name: 'x', dtype, shape }], options);

/** Two pixels beside each other: (10, 20, 30) and (40, 50, 60). */
const RGB = { width: 2, height: 1, channels: 3, data: Uint8Array.of(10, 20, 30, 40, 50, 60) } as const;
const GREY = { width: 2, height: 1, channels: 1, data: Uint8Array.of(10, 40) } as const;
const UNSCALED = { ...PREPARATION_DEFAULTS, scale: 1 };

describe('pictureInput', () => {
  it('finds the layout by where the colours are', () => {
    expect(inputOf(['N', 3, 224, 200])).toMatchObject({
      layout: 'nchw',
      batch: null,
      channels: 3,
      height: 224,
      width: 200,
    });
    expect(inputOf([2, 224, 200, 1])).toMatchObject({ layout: 'nhwc', batch: 2, channels: 1, height: 224, width: 200 });
    expect(inputOf([1, null, 'h', 'w'])).toMatchObject({ layout: 'nchw', channels: null, height: null, width: null });
    expect(inputOf([1, 3, 8, 3], 'float32', { layout: 'nhwc' })).toMatchObject({ height: 3, width: 8, channels: 3 });
  });

  it('takes a size where the model leaves it open, and none that contradicts it', () => {
    expect(inputOf([1, 3, 'h', 'w'], 'float32', { size: [5, 7] })).toMatchObject({ height: 5, width: 7 });
    expect(() => inputOf([1, 3, 8, 8], 'float32', { size: [5, 8] })).toThrow(RangeError);
  });

  it('refuses models that take no pictures', () => {
    expect(() => inputOf([1, 2, 3, 4, 5])).toThrow('input x (float32 [1,2,3,4,5]) takes no pictures');
    expect(() => inputOf(['N', 3, 8, 8], 'string')).toThrow(TypeError);
    expect(() => pictureInput([])).toThrow('pictures feed one input, the model has 0');
  });
});

describe('picturesToTensor', () => {
  it('lays pixels out as the input wants them', () => {
    const planes = picturesToTensor([RGB, RGB], inputOf(['N', 3, 1, 2]), UNSCALED);
    expect(planes.shape).toEqual([2, 3, 1, 2]);
    expect(toNumbers(planes)).toEqual([10, 40, 20, 50, 30, 60, 10, 40, 20, 50, 30, 60]);
    const interleaved = picturesToTensor([RGB], inputOf(['N', 'h', 2, 3]), UNSCALED);
    expect(interleaved.shape).toEqual([1, 1, 2, 3]);
    expect(toNumbers(interleaved)).toEqual([10, 20, 30, 40, 50, 60]);
    expect(picturesToTensor([GREY], inputOf(['N', 1, 2]), UNSCALED).shape).toEqual([1, 1, 2]);
    expect(picturesToTensor([RGB], inputOf(['N', 6]), UNSCALED).shape).toEqual([1, 6]);
  });

  it('applies (pixel / scale − mean) / std per channel of the input, after the order of colours', () => {
    const preparation = { scale: 10, mean: [1, 2, 3], std: [1, 2, 4], channels: 'bgr' } as const;
    const tensor = picturesToTensor([RGB], inputOf([1, 3, 1, 2]), { ...preparation, mean: [1, 2, 3], std: [1, 2, 4] });
    expect(toNumbers(tensor)).toEqual([3 - 1, 6 - 1, 0, 1.5, (1 - 3) / 4, (4 - 3) / 4]);
    expect(toNumbers(picturesToTensor([GREY], inputOf([1, 1, 1, 2]), PREPARATION_DEFAULTS))).toEqual(
      [10 / 255, 40 / 255].map(Math.fround),
    );
  });

  it('makes grey of colours with the weights of ITU-R BT.601, and colours of grey', () => {
    const luma = [0.299 * 10 + 0.587 * 20 + 0.114 * 30, 0.299 * 40 + 0.587 * 50 + 0.114 * 60].map(Math.round);
    expect(toNumbers(picturesToTensor([RGB], inputOf([1, 1, 1, 2]), UNSCALED))).toEqual(luma);
    expect(toNumbers(picturesToTensor([GREY], inputOf([1, 3, 1, 2]), UNSCALED))).toEqual([10, 40, 10, 40, 10, 40]);
  });

  it('gives the element type of the input', () => {
    for (const dtype of ['float16', 'float64', 'uint8', 'int64'] as const) {
      const tensor = picturesToTensor([GREY], inputOf([1, 1, 1, 2], dtype), UNSCALED);
      expect(tensor.dtype).toBe(dtype);
      expect(toNumbers(tensor)).toEqual([10, 40]);
    }
  });

  it('refuses what does not fit', () => {
    const input = inputOf([1, 3, 'h', 'w']);
    expect(() => picturesToTensor([RGB], input, { ...UNSCALED, mean: [1, 2] })).toThrow('mean has 2 values');
    expect(() => picturesToTensor([RGB], input, { ...UNSCALED, std: [0] })).toThrow(RangeError);
    expect(() => picturesToTensor([RGB, { ...GREY, width: 1, height: 2 }], input, UNSCALED)).toThrow('differ in size');
    expect(() => picturesToTensor([RGB], inputOf([1, 4, 'h', 'w']), UNSCALED)).toThrow('takes 4 channels');
  });
});
