/**
 * `fqz fit`: trains the coefficients of a model on data until its file has the wanted size.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { openDataset } from '../../data/data-spec.ts';
import type { Dataset } from '../../data/dataset.ts';
import { pictureInput } from '../../data/picture-input.ts';
import { FormatError } from '../../errors.ts';
import { type Evaluation, evaluate } from '../../evaluate.ts';
import { onnxruntimeEvaluate } from '../../evaluate-constants.ts';
import { type FitResult, fit as fitModel } from '../../fit/fit.ts';
import type { FitProgress } from '../../fit/loop.ts';
import type { LossKind } from '../../fit/loss.ts';
import type { OptimizerKind } from '../../fit/optimizer.ts';
import { FIT_DEFAULTS, type FitOptions, type FitSnapshot } from '../../fit/options.ts';
import type { SupportSchedule } from '../../fit/schedule.ts';
import { PREPARATION_DEFAULTS } from '../../graph/preparation.ts';
import { openOnnx, type TensorInfo } from '../../onnxruntime.ts';
import { trainingData } from '../../training-data.ts';
import { unpack } from '../../unpack.ts';
import { finiteNumber, positiveNumber, wholeNumber } from '../arguments.ts';
import { fitCurve } from '../fit-curve.ts';
import type { Io } from '../io.ts';
import { loadSource } from '../load-model.ts';
import { type OutputFile, prepareOutput } from '../output-file.ts';
import { addPictureOptions, DATA_HELP, type PictureFlags, preparationFromFlags } from '../preparation-options.ts';
import { withProgress } from '../progress.ts';
import { byteSize, grouped, percent } from '../text.ts';

interface FitFlags extends PictureFlags {
  output: string;
  data: string;
  eval?: string;
  targetSize?: number;
  coefficients?: number;
  epochs?: number;
  batch?: number;
  limit?: number;
  learningRate?: number;
  optimizer?: OptimizerKind;
  weightDecay?: number;
  loss?: LossKind;
  labels?: 'yes' | 'no';
  teacher?: string;
  distillation?: number;
  temperature?: number;
  start?: NonNullable<FitOptions['start']>;
  fromScratch?: boolean;
  width?: number;
  finish?: number;
  schedule?: SupportSchedule;
  roundFrom?: number;
  biases?: 'yes' | 'no';
  shift?: number;
  flip?: boolean;
  seed?: number;
  threads?: number;
  checkpoint?: string;
  resume?: boolean;
  exportTrainable?: string;
  log?: string;
  curve?: string;
  json?: boolean;
}

const yesOrNo = ['yes', 'no'];

/** The command, writing to `io`. */
export function command(io: Io): Command {
  const fitting = new Command('fit')
    .description(
      'Trains the coefficients of a model on data, rounded as the file holds them, until it has the wanted size.',
    )
    .argument('<model>', 'ONNX or Keras model')
    .requiredOption('-o, --output <file>', 'the .fqz to write')
    .requiredOption('--data <spec>', 'what to train on, see below; of mnist:DIR the training set')
    .option('--target-size <bytes>', 'the whole file takes at most so many bytes', wholeNumber(1))
    .option('--coefficients <N>', 'most coefficients (default: what the target size has room for)', wholeNumber(1))
    .option('--eval <spec>', 'measure the result on these data; for mnist:DIR the test set unless given')
    .option('--epochs <N>', `passes over the data (default: ${FIT_DEFAULTS.epochs})`, positiveNumber)
    .option('--batch <N>', `samples in a step (default: ${FIT_DEFAULTS.batch})`, wholeNumber(1, 65536))
    .option('--limit <N>', 'train on the first N samples only', wholeNumber(1))
    .option(
      '--learning-rate <rate>',
      `in units of a coefficient's scale (default: ${FIT_DEFAULTS.learningRate.fresh}, from trained ones ${FIT_DEFAULTS.learningRate.trained})`,
      positiveNumber,
    )
    .addOption(new Option('--optimizer <name>', 'default: adam').choices(['adam', 'adamw', 'sgd']))
    .option('--weight-decay <rate>', 'default: 0', finiteNumber)
    .addOption(
      new Option('--loss <loss>', 'default: what suits the data').choices(['cross-entropy', 'mse', 'bce', 'dice']),
    )
    .addOption(new Option('--labels <use>', 'no: learn from the teacher alone').choices(yesOrNo))
    .option('--teacher <model>', 'ONNX or Keras model to learn from (default: the model itself)')
    .option('--distillation <part>', 'weight of the teacher, 0 to 1 (default: 0, without labels 1)', finiteNumber)
    .option('--temperature <T>', `of the teacher's classes (default: ${FIT_DEFAULTS.temperature})`, positiveNumber)
    .addOption(
      new Option('--start <from>', "the model's own coefficients, random ones, or what a short trial finds better")
        .choices(['auto', 'trained', 'fresh'])
        .default(FIT_DEFAULTS.start),
    )
    .addOption(new Option('--from-scratch', 'the same as --start fresh').conflicts('start'))
    .addOption(
      new Option('--schedule <schedule>', 'of the supports: Frequency Regularization cuts their tails').choices([
        'constant',
        'tail',
        'random-tail',
      ]),
    )
    .option(
      '--round-from <part>',
      `of the steps, until rounding begins (default: ${FIT_DEFAULTS.roundFrom})`,
      finiteNumber,
    )
    .addOption(new Option('--biases <use>', 'default: where they are few beside the coefficients').choices(yesOrNo))
    .option('--width <part>', 'train with this part of the channels, for weights made of cosines', positiveNumber)
    .option('--finish <part>', "the last part of the steps: at the model's own size and width", finiteNumber)
    .option('--shift <pixels>', 'shift pictures at random by up to so many pixels', wholeNumber(0))
    .option('--flip', 'mirror half of the pictures')
    .option('--seed <N>', `the same seed gives the same file (default: ${FIT_DEFAULTS.seed})`, wholeNumber(0))
    .option('--threads <N>', "onnxruntime's threads for one operator (default: its own choice)", wholeNumber(1, 1024))
    .option('--checkpoint <folder>', 'save the state after each epoch')
    .option('--resume', 'go on from the saved state')
    .option(
      '--export-trainable <file>',
      'also write an ONNX model with the coefficients as initialisers, for other trainers',
    )
    .option('--log <file>', 'append a line of JSON every 50 steps')
    .option('--curve <file>', 'write an SVG picture of loss, errors and bytes')
    .option('--json', 'print one JSON object about the result');
  return addPictureOptions(fitting)
    .addHelpText(
      'after',
      `${DATA_HELP}

Ctrl-C saves the state to the folder of --checkpoint, or beside the output; the same command with --resume goes on from there.
With --scale, --mean, --std or --channels the file says how its input is to be prepared.

Examples:
  fqz fit lenet5.onnx --data mnist:mnist --target-size 560 -o lenet5.fqz
  fqz fit lenet5.onnx --data mnist:mnist --labels no --mean 0.1307 --std 0.3081 --target-size 1000 -o lenet5.fqz
  fqz fit resnet.onnx --data cifar10:train.bin --eval cifar10:test.bin --flip --shift 4 --target-size 20000 -o resnet.fqz
  fqz fit unet.onnx --data segmentation:images,masks --start trained --width 0.25 --finish 0.05 --target-size 650 -o unet.fqz`,
    )
    .action((path: string, flags: FitFlags) => runFit(io, path, flags));
}

async function runFit(io: Io, path: string, flags: FitFlags): Promise<void> {
  const started = performance.now();
  const output = prepareOutput(flags.output, flags.teacher === undefined ? [path] : [path, flags.teacher]);
  const trainable = flags.exportTrainable === undefined ? undefined : prepareOutput(flags.exportTrainable, [path]);
  const curve = flags.curve === undefined ? undefined : prepareOutput(flags.curve, [path]);
  const course: FitProgress[] = [];
  const checkpoint = checkpointFile(flags);
  const resume = flags.resume ? savedState(io, checkpoint.path, flags) : undefined;
  const { train, test } = await openData(flags);
  const { model } = await loadSource(path);
  const teacher = flags.teacher === undefined ? undefined : (await loadSource(flags.teacher)).model;
  const { threads } = flags;
  const given = preparationFromFlags(flags);
  const preparation = Object.keys(given).length === 0 ? undefined : { ...PREPARATION_DEFAULTS, ...given };
  const picture = { preparation: given, ...(flags.layout && { layout: flags.layout }) };
  const session = await openOnnx(writeOnnx(model));
  const dataAt = (size: FitFlags['size']) =>
    trainingData(session, train, {
      ...picture,
      ...(size && { size }),
      ...(flags.limit !== undefined && { limit: flags.limit }),
      ...(flags.shift !== undefined && { shift: flags.shift }),
      ...(flags.flip && { flip: true }),
    });
  const data = dataAt(flags.size);
  const finish = flags.finish === undefined ? undefined : { part: flags.finish, data: dataAt(undefined) };
  // At the model's own size, or where it has none and training did not end there, at that of the training.
  const hasSize = finish !== undefined || train.kind !== 'pictures' || isOfFixedSize(session.inputs, flags);
  const measuredAt = { ...picture, ...(flags.size && !hasSize && { size: flags.size }) };
  await session.release();

  let snapshot: FitSnapshot | undefined;
  const interrupted = () => {
    if (!snapshot) return;
    checkpoint.write(snapshot.checkpoint());
    io.printError(`fqz: saved ${checkpoint.path}; the same command with --resume goes on from there`);
  };
  // Before the listener that ends the process.
  process.prependListener('SIGINT', interrupted);
  let result: FitResult;
  try {
    result = await withProgress(io, (bar) =>
      fitModel(model, data, {
        ...fitOptions(flags),
        execute: (graph) => openOnnx(writeOnnx(graph), threads === undefined ? {} : { threads }),
        evaluate: onnxruntimeEvaluate,
        ...(teacher && { teacher }),
        ...(finish && { finish }),
        ...(preparation && { companions: { preparation } }),
        ...(resume && { resume }),
        onProgress(progress, current) {
          snapshot = current;
          const seconds = (performance.now() - started) / 1000;
          bar.update({ phase: describe(progress, seconds), done: progress.step, total: progress.steps });
          if (progress.step % LOG_INTERVAL === 0 || progress.step === progress.steps) {
            course.push(progress);
            if (flags.log !== undefined) appendFileSync(flags.log, `${JSON.stringify({ ...progress, seconds })}\n`);
          }
          if (flags.checkpoint !== undefined && progress.isEpochEnd) checkpoint.write(current.checkpoint());
        },
      }),
    );
  } finally {
    process.removeListener('SIGINT', interrupted);
  }
  output.write(result.bytes);
  curve?.write(new TextEncoder().encode(fitCurve(course)));
  trainable?.write(writeOnnx(result.trainable));

  const evaluation = test && (await evaluated(result, test, measuredAt));
  const seconds = (performance.now() - started) / 1000;
  if (flags.json) {
    const { bytes, graphBytes, weightBytes, coefficients, parameters, tensors, start, steps } = result;
    const sizes = { path: output.path, bytes: bytes.length, graphBytes, weightBytes, coefficients };
    io.print(
      JSON.stringify({ input: { path, parameters }, output: sizes, evaluation, start, steps, seconds, tensors }),
    );
  } else io.print(summary(path, output, result, evaluation, seconds));
}

const LOG_INTERVAL = 50;

function fitOptions(flags: FitFlags): Omit<FitOptions, 'execute'> {
  const { targetSize, coefficients, epochs, batch, learningRate, optimizer, weightDecay, loss } = flags;
  const { distillation, temperature, schedule, roundFrom, seed, width } = flags;
  const training = { epochs, batch, learningRate, distillation, temperature, roundFrom, seed, width };
  const numbers = { targetSize, coefficients, ...training };
  return {
    ...(Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)) as Partial<
      typeof numbers
    >),
    start: flags.fromScratch ? 'fresh' : (flags.start ?? FIT_DEFAULTS.start),
    optimizer: { ...(optimizer && { kind: optimizer }), ...(weightDecay !== undefined && { weightDecay }) },
    augment: flags.flip === true || (flags.shift ?? 0) > 0,
    ...(loss && { loss }),
    ...(schedule && { schedule }),
    ...(flags.labels && { labels: flags.labels === 'yes' }),
    ...(flags.biases && { biases: flags.biases === 'yes' }),
  } as Omit<FitOptions, 'execute'>;
}

/** The data to train on and to measure with. MNIST's folder holds both. */
async function openData({ data, eval: spec }: FitFlags): Promise<{ train: Dataset; test?: Dataset }> {
  const holdsBoth = data.startsWith('mnist:') && !/:(train|test)$/.test(data);
  const train = await openDataset(holdsBoth ? `${data}:train` : data);
  const testSpec = spec ?? (holdsBoth ? `${data}:test` : undefined);
  return { train, ...(testSpec !== undefined && { test: await openDataset(testSpec) }) };
}

function isOfFixedSize(inputs: readonly TensorInfo[], { layout }: FitFlags): boolean {
  return pictureInput(inputs, layout ? { layout } : {}).height !== null;
}

function checkpointFile({ checkpoint, output }: FitFlags): OutputFile {
  if (checkpoint !== undefined) mkdirSync(checkpoint, { recursive: true });
  return prepareOutput(checkpoint === undefined ? `${output}.checkpoint` : join(checkpoint, 'fit.checkpoint'), []);
}

/** The checkpoint to go on from. With a folder for them, a fit may have been killed before the first was written. */
function savedState(io: Io, path: string, { checkpoint }: FitFlags): Uint8Array | undefined {
  if (existsSync(path)) return new Uint8Array(readFileSync(path));
  if (checkpoint === undefined) throw new FormatError('checkpoint', `there is no ${path} to go on from`);
  io.printError(`fqz: there is no ${path} yet: starting from the beginning`);
  return undefined;
}

function describe({ loss, accuracy, bytes, step, steps, rounded }: FitProgress, seconds: number): string {
  const left = Math.round((seconds * (steps - step)) / step);
  const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
  const parts = [
    `loss ${loss.toFixed(4)}`,
    ...(accuracy === undefined ? [] : [percent(accuracy)]),
    ...(rounded ? [byteSize(bytes)] : []),
    time,
  ];
  return parts.join(', ');
}

/** How good the model of the file is. */
async function evaluated(
  { archive }: FitResult,
  dataset: Dataset,
  options: Parameters<typeof evaluate>[2],
): Promise<Evaluation> {
  const session = await openOnnx(writeOnnx(unpack(archive, { form: 'auto' })));
  try {
    return await evaluate(session, dataset, options);
  } finally {
    await session.release();
  }
}

function summary(
  input: string,
  output: OutputFile,
  result: FitResult,
  evaluation: Evaluation | undefined,
  seconds: number,
): string {
  const { bytes, graphBytes, weightBytes, coefficients, parameters, start, steps } = result;
  const ratio = (4 * parameters) / bytes.length;
  const value = evaluation && (evaluation.metric === 'top1' ? percent(evaluation.value) : evaluation.value.toFixed(5));
  return [
    `${basename(input)}: ${grouped(parameters)} parameters, ${byteSize(4 * parameters)} as fp32`,
    `${basename(output.path)}: ${byteSize(bytes.length)} (graph ${byteSize(graphBytes)}, weights ${byteSize(weightBytes)}, ${grouped(coefficients)} coefficients)`,
    `${grouped(Math.round(ratio))} times smaller, after ${grouped(steps)} steps from ${start === 'fresh' ? 'random' : "the model's own"} coefficients, in ${seconds.toFixed(0)} s`,
    ...(evaluation ? [`${evaluation.metric} ${value} over ${grouped(evaluation.samples)} samples`] : []),
  ].join('\n');
}
