import { describe, expect, it } from 'vitest';
import { openDataset, parseDataSpec } from '../../src/data/data-spec.ts';

describe('parseDataSpec', () => {
  it('reads all five forms', () => {
    expect(parseDataSpec('mnist:data')).toEqual({ kind: 'mnist', folder: 'data', split: 'test' });
    expect(parseDataSpec('mnist:C:/data:train')).toEqual({ kind: 'mnist', folder: 'C:/data', split: 'train' });
    expect(parseDataSpec('cifar10:a.bin.gz')).toEqual({ kind: 'cifar10', file: 'a.bin.gz' });
    expect(parseDataSpec('images:my photos')).toEqual({ kind: 'images', folder: 'my photos' });
    expect(parseDataSpec('segmentation:a,b')).toEqual({ kind: 'segmentation', images: 'a', masks: 'b' });
    expect(parseDataSpec('npz:a:b.npz')).toEqual({ kind: 'npz', file: 'a:b.npz' });
  });

  it.each(['', 'mnist', 'mnist:', 'coco:x', 'segmentation:a', 'segmentation:a,b,c', 'segmentation:,b'])(
    'refuses %j',
    (spec) => {
      expect(() => parseDataSpec(spec)).toThrow(TypeError);
    },
  );

  it('names the file that is not there', async () => {
    for (const spec of [
      'mnist:/absent',
      'cifar10:/absent',
      'images:/absent',
      'segmentation:/absent,/absent',
      'npz:/absent',
    ]) {
      await expect(openDataset(spec), spec).rejects.toMatchObject({ code: 'ENOENT', path: '/absent' });
    }
  });
});
