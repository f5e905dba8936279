/**
 * How a model wants its image input prepared. A `.fqz` file may carry it, so that whoever runs the file need not be told.
 */

/** An input value is `(pixel / scale − mean) / std`, with pixels from 0 to 255. */
export interface Preparation {
  scale: number;
  /** One value for all channels, or one per channel. */
  mean: number[];
  /** One value for all channels, or one per channel. */
  std: number[];
  /** Order of the colour channels in the input. */
  channels: 'rgb' | 'bgr';
}

export const PREPARATION_DEFAULTS: Readonly<Preparation> = { scale: 255, mean: [0], std: [1], channels: 'rgb' };
