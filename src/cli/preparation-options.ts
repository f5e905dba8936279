/**
 * The options that tell how pictures become input values, shared by the commands that take them.
 */
import { type Command, Option } from 'commander';
import type { Layout } from '../data/picture-input.ts';
import type { Preparation } from '../graph/preparation.ts';
import { finiteNumber, numberList, pictureSize, wholeNumber } from './arguments.ts';

export interface PreparationFlags {
  scale?: number;
  mean?: number[];
  std?: number[];
  channels?: 'rgb' | 'bgr';
}

/** Adds --scale, --mean, --std and --channels: an input value is `(pixel / scale − mean) / std`. */
export function addPreparationOptions(command: Command): Command {
  return command
    .option('--scale <number>', 'what pixels 0 to 255 are divided by (default: 255)', finiteNumber)
    .option('--mean <list>', 'subtracted next: one number, or one per channel (default: 0)', numberList)
    .option('--std <list>', 'divided by last: one number, or one per channel (default: 1)', numberList)
    .addOption(new Option('--channels <order>', 'order of the colour channels (default: rgb)').choices(['rgb', 'bgr']));
}

/** What the flags say, and nothing for those that were not given. Throws `RangeError` for divisors of zero. */
export function preparationFromFlags({ scale, mean, std, channels }: PreparationFlags): Partial<Preparation> {
  if (scale === 0 || std?.includes(0)) throw new RangeError('--scale and --std must not be 0');
  return {
    ...(scale !== undefined && { scale }),
    ...(mean && { mean }),
    ...(std && { std }),
    ...(channels && { channels }),
  };
}

export interface PictureFlags extends PreparationFlags {
  size?: [height: number, width: number];
  layout?: Layout;
}

/** Adds the preparation options, --size and --layout, for commands that feed pictures. */
export function addPictureOptions(command: Command): Command {
  return addSizeOption(addPreparationOptions(command)).addOption(
    new Option('--layout <layout>', "order of the input's axes (default: by its shape)").choices(['nchw', 'nhwc']),
  );
}

/** Adds --size. */
export function addSizeOption(command: Command): Command {
  return command.option(
    '--size <N|HxW>',
    "input size: pictures are scaled to cover it and cut at the centre (default: the model's)",
    pictureSize,
  );
}

export interface DataFlags extends PictureFlags {
  batch?: number;
}

/** Adds the picture options and --batch, for commands that feed data. */
export function addDataOptions(command: Command): Command {
  return addBatchOption(addPictureOptions(command));
}

/** Adds --batch. */
export function addBatchOption(command: Command): Command {
  return command.option('--batch <N>', 'samples in a run, where the model leaves it open', wholeNumber(1, 65536));
}

/** Help for commands that take `--data`. */
export const DATA_HELP = `
Data:
  mnist:DIR[:train]             the idx files of MNIST and its relatives, plain or .gz; the test set unless :train
  cifar10:FILE                  CIFAR-10's binary records, plain or .gz
  images:DIR                    pictures; the number that a file name starts with is its class
  segmentation:IMAGES,MASKS     pictures and masks, paired by name or number; foreground is anything above 0
  npz:FILE                      NumPy arrays, samples first, fed as they are: inputs named as the model's inputs or x, x1, …
                                (also in0, input0); expected outputs as its outputs or out0, …; or classes as labels or y
  An input value is (pixel / scale - mean) / std. What a .fqz says of its input holds where no option says otherwise.`;
