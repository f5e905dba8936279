/**
 * Layers that change the size of images, as tf.image.resize does it: a pixel is a square, so coordinates are those of
 * ONNX's `half_pixel`.
 */
import type { Attribute, Dim } from '../../../src/graph/graph.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { int, text } from '../graph-builder.ts';
import { type Images, imagesOf } from '../images.ts';
import type { KerasLayer } from '../keras-model.ts';
import { flagSetting, setting, sizeSetting, sizesSetting } from '../layer-config.ts';
import { type AppliedLayer, type LayerRows, type Rule, takeWeights, unsupportedLayer } from '../layer-rule.ts';

type Attributes = Readonly<Record<string, Attribute>>;

/** Every pixel so many times: the same as half_pixel, and plainer. */
const REPEATED: Attributes = {
  mode: text('nearest'),
  coordinate_transformation_mode: text('asymmetric'),
  nearest_mode: text('floor'),
};
const NEAREST: Attributes = {
  mode: text('nearest'),
  coordinate_transformation_mode: text('half_pixel'),
  nearest_mode: text('round_prefer_ceil'),
};
const BILINEAR: Attributes = { mode: text('linear'), coordinate_transformation_mode: text('half_pixel') };

/** Nearest or bilinear; the other methods of Keras are refused by name. */
function interpolationOf(layer: KerasLayer, fallback: 'nearest' | 'bilinear'): 'nearest' | 'bilinear' {
  const given = setting(layer, 'interpolation') ?? fallback;
  if (given === 'nearest' || given === 'bilinear') return given;
  throw unsupportedLayer(layer, `interpolation ${JSON.stringify(given)}: only nearest and bilinear can be read`);
}

const upSampling =
  (dimensions: number): Rule =>
  (applied) => {
    const { layer, builder } = applied;
    takeWeights(layer, []);
    const images = imagesOf(applied, dimensions);
    const factors = sizesSetting(layer, 'size', dimensions, 2);
    const isNearest = dimensions !== 2 || interpolationOf(layer, 'nearest') === 'nearest';
    const scales = builder.constant('scales', float32Tensor([dimensions + 2], Float32Array.of(1, 1, ...factors)));
    const name = builder.emit('Resize', [images.value.name, '', scales], isNearest ? REPEATED : BILINEAR);
    const sizes = images.sizes.map((size, axis): Dim => (typeof size === 'number' ? size * factors[axis]! : null));
    return images.result(name, images.channels, sizes);
  };

/** The images of a layer that makes them `height` by `width`. */
function sizedImages(applied: AppliedLayer): { images: Images; target: readonly [number, number] } {
  takeWeights(applied.layer, []);
  const images = imagesOf(applied, 2);
  return { images, target: [sizeSetting(applied.layer, 'height'), sizeSetting(applied.layer, 'width')] };
}

const resizing: Rule = (applied) => {
  const { layer, builder } = applied;
  for (const name of ['crop_to_aspect_ratio', 'pad_to_aspect_ratio', 'antialias']) {
    if (flagSetting(layer, name, false)) throw unsupportedLayer(layer, name);
  }
  const { images, target } = sizedImages(applied);
  const method = interpolationOf(layer, 'bilinear') === 'nearest' ? NEAREST : BILINEAR;
  // Not by the attribute `axes`, over which onnxruntime 1.30 trips where it moves transposes.
  const outer = builder.emit('Shape', [images.value.name], { end: int(2) });
  const sizes = builder.emit('Concat', [outer, builder.integers('sizes', target)], { axis: int(0) });
  const name = builder.emit('Resize', [images.value.name, '', '', sizes], method);
  return images.result(name, images.channels, target);
};

const centerCrop: Rule = (applied) => {
  const { layer, builder } = applied;
  const { images, target } = sizedImages(applied);
  const starts = target.map((size, axis) => {
    const before = images.sizes[axis];
    if (typeof before === 'number' && before >= size) return Math.floor((before - size) / 2);
    throw unsupportedLayer(
      layer,
      `cuts ${target.join('×')} from images of ${images.sizes.join('×')}, which are not larger`,
    );
  });
  const ends = starts.map((start, axis) => start + target[axis]!);
  const name = builder.emit('Slice', [
    images.value.name,
    builder.integers('starts', starts),
    builder.integers('ends', ends),
    builder.integers('axes', [2, 3]),
  ]);
  return images.result(name, images.channels, target);
};

export const RESIZE_LAYERS: LayerRows = {
  UpSampling1D: { rule: upSampling(1) },
  UpSampling2D: { rule: upSampling(2), note: 'nearest and bilinear' },
  UpSampling3D: { rule: upSampling(3) },
  Resizing: { rule: resizing, note: 'nearest and bilinear, without keeping the aspect ratio or antialiasing' },
  CenterCrop: { rule: centerCrop, note: 'of larger images' },
};
