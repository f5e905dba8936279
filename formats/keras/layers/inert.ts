/**
 * Layers that do something in training only: outside it they hand on what they are given, and leave no node.
 */
import { inputOf, type LayerRow, type LayerRows, type Rule } from '../layer-rule.ts';

const handOn: Rule = (applied) => inputOf(applied);

const inert = (names: string): [string, LayerRow][] =>
  names.split(' ').map((name) => [name, { rule: handOn, passesMask: true, note: 'nothing outside training' }]);

export const REGULARIZATION_LAYERS: LayerRows = Object.fromEntries(
  inert(
    'Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise AlphaDropout ActivityRegularization',
  ),
);

export const AUGMENTATION_LAYERS: LayerRows = {
  ...Object.fromEntries(
    inert(
      'AugMix CutMix MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom',
    ),
  ),
  Pipeline: { refused: 'it is a list of layers for data, which belongs before the model' },
  MaxNumBoundingBoxes: { refused: 'it counts boxes of training data, which belongs before the model' },
  AutoContrast: { refused: 'it changes images outside training as well' },
  Equalization: { refused: 'it changes images outside training as well' },
  Solarization: { refused: 'it changes images outside training as well' },
  RandomCrop: { refused: 'it resizes and crops images outside training as well' },
};
