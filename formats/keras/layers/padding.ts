/**
 * Zero padding and cropping of images (keras/src/layers/reshaping).
 */
import type { Dim } from '../../../src/graph/graph.ts';
import { imagesOf } from '../images.ts';
import type { KerasLayer } from '../keras-model.ts';
import { setting } from '../layer-config.ts';
import { type LayerRows, layerError, type Rule, takeWeights } from '../layer-rule.ts';

/**
 * What a layer adds to or takes from each axis at its begin and end: given as one number, as one for each axis, or as two
 * for each; those of a sequence as one or two numbers.
 */
function margins(layer: KerasLayer, name: string, dimensions: number, fallback: number): [number, number][] {
  const given = setting(layer, name) ?? fallback;
  const perAxis = Array.isArray(given) && !(dimensions === 1 && given.length === 2) ? given : [given];
  const pairs = (perAxis.length === 1 ? new Array(dimensions).fill(perAxis[0]) : perAxis).map((pair) =>
    Array.isArray(pair) ? pair : [pair, pair],
  );
  const isPair = (pair: unknown[]) =>
    pair.length === 2 && pair.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
  if (pairs.length === dimensions && pairs.every(isPair)) return pairs as [number, number][];
  throw layerError(
    layer,
    `has ${name} ${JSON.stringify(given)}, expected two whole numbers for each of ${dimensions} axes`,
  );
}

const zeroPadding =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    takeWeights(layer, []);
    const images = imagesOf(applied, dimensions);
    const pairs = margins(layer, 'padding', dimensions, 1);
    const pads = [0, 0, ...pairs.map(([before]) => before), 0, 0, ...pairs.map(([, after]) => after)];
    const sizes = images.sizes.map((size, axis): Dim => (typeof size === 'number' ? size + sum(pairs[axis]!) : null));
    const name = builder.emit('Pad', [images.value.name, builder.integers('pads', pads)]);
    return images.result(name, images.channels, sizes);
  };

/** More than any size: a slice ends at the end. */
const END = 2 ** 31 - 1;

const cropping =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    takeWeights(layer, []);
    const images = imagesOf(applied, dimensions);
    const pairs = margins(layer, 'cropping', dimensions, dimensions === 1 ? 1 : 0);
    const sizes = images.sizes.map((size, axis): Dim => {
      if (typeof size !== 'number') return null;
      if (size > sum(pairs[axis]!)) return size - sum(pairs[axis]!);
      throw layerError(layer, `takes ${sum(pairs[axis]!)} of an axis of ${size}`);
    });
    const name = builder.emit('Slice', [
      images.value.name,
      builder.integers(
        'starts',
        pairs.map(([before]) => before),
      ),
      builder.integers(
        'ends',
        pairs.map(([, after]) => (after === 0 ? END : -after)),
      ),
      builder.integers(
        'axes',
        pairs.map((_, axis) => axis + 2),
      ),
    ]);
    return images.result(name, images.channels, sizes);
  };

const sum = ([before, after]: readonly [number, number]) => before + after;

export const PADDING_LAYERS: LayerRows = {
  ZeroPadding1D: { rule: zeroPadding(1) },
  ZeroPadding2D: { rule: zeroPadding(2) },
  ZeroPadding3D: { rule: zeroPadding(3) },
  Cropping1D: { rule: cropping(1) },
  Cropping2D: { rule: cropping(2) },
  Cropping3D: { rule: cropping(3) },
};
