/**
 * `fqz convert`: an ONNX or Keras model to a `.fqz`.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { type Budget, divergenceBudget, dropBudget } from '../../budget.ts';
import { CALIBRATION_DEFAULTS, type CalibrationData, onnxruntimeCalibration } from '../../calibration-data.ts';
import { type ConvertReport, convert } from '../../convert.ts';
import { CONVERT_DEFAULTS } from '../../convert-options.ts';
import { openDataset } from '../../data/data-spec.ts';
import { FormatError } from '../../errors.ts';
import { onnxruntimeEvaluate } from '../../evaluate-constants.ts';
import type { Model } from '../../graph/graph.ts';
import { PREPARATION_DEFAULTS, type Preparation } from '../../graph/preparation.ts';
import { noiseCalibration } from '../../noise-calibration.ts';
import { openOnnx } from '../../onnxruntime.ts';
import { positiveNumber, wholeNumber } from '../arguments.ts';
import type { Io } from '../io.ts';
import { loadSource } from '../load-model.ts';
import { prepareOutput } from '../output-file.ts';
import {
  addBatchOption,
  addPreparationOptions,
  addSizeOption,
  type PreparationFlags,
  preparationFromFlags,
} from '../preparation-options.ts';
import { withProgress } from '../progress.ts';
import { byteSize, grouped } from '../text.ts';

interface ConvertFlags extends PreparationFlags {
  output: string;
  quality?: number;
  targetSize?: number;
  maxDrop?: number;
  maxKl?: number;
  eval?: string;
  maxError?: number;
  precision?: 'fp16' | 'lossless';
  calibrate?: string;
  calibrationSamples?: number;
  size?: [height: number, width: number];
  batch?: number;
  layers?: number;
  keepNames?: boolean;
  layout?: 'keras' | 'nchw';
  labels?: string;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  const conversion = new Command('convert')
    .description('Codes the weights of an ONNX or Keras model, and its graph, into a .fqz file.')
    .argument('<model>', 'ONNX model; Keras .h5, .hdf5 or .keras, or the folder that a .keras was unzipped to')
    .requiredOption('-o, --output <file>', 'the .fqz to write')
    .addOption(
      new Option('--quality <1..100>', `how close the weights stay (default: ${CONVERT_DEFAULTS.quality})`)
        .argParser(wholeNumber(1, 100))
        .conflicts(['targetSize', 'maxDrop', 'maxKl', 'maxError', 'precision']),
    )
    .addOption(
      new Option('--target-size <bytes>', 'the best that fits in so many bytes, graph included')
        .argParser(wholeNumber(1))
        .conflicts(['maxDrop', 'maxKl', 'maxError', 'precision']),
    )
    .addOption(
      new Option('--max-drop <points>', 'the smallest that loses at most so many points of top-1 or Dice on --eval')
        .argParser(positiveNumber)
        .conflicts(['maxKl', 'maxError', 'precision']),
    )
    .addOption(
      new Option('--max-kl <nats>', 'the smallest whose classes diverge at most so far on --eval, such as 0.05')
        .argParser(positiveNumber)
        .conflicts(['maxError', 'precision']),
    )
    .option('--eval <spec>', 'data for --max-drop and --max-kl, as for eval --data')
    .addOption(
      new Option('--max-error <error>', 'largest relative error of a weight tensor, such as 0.01')
        .argParser(positiveNumber)
        .conflicts('precision'),
    )
    .addOption(
      new Option('--precision <precision>', 'weights as float16, or exactly as they are').choices(['fp16', 'lossless']),
    )
    .addOption(
      new Option(
        '--layout <layout>',
        'images of a Keras model: as it has them (keras, the default), or channels first',
      ).choices(['keras', 'nchw']),
    )
    .addOption(
      new Option(
        '--calibrate <spec>',
        'samples, as for eval --data: weights are coded so that the outputs on them stay close; noise where there are none (default: none)',
      ).conflicts(['maxError', 'precision']),
    )
    .option(
      '--calibration-samples <N>',
      `how many of them, evenly spread (default: ${CALIBRATION_DEFAULTS.samples}; fewer of noise that is large)`,
      wholeNumber(1),
    )
    .addOption(
      new Option(
        '--layers <1..8>',
        'quality layers: where the file is cut behind one, it is a coarser file of its own (default: 1)',
      )
        .argParser(wholeNumber(1, 8))
        .conflicts('precision'),
    )
    .option('--keep-names', 'keep the names of nodes and inner values, not only of inputs and outputs')
    .option('--labels <file>', 'class labels to store: one a line, or a JSON list')
    .option('--json', 'print one JSON object about the result')
    .addHelpText(
      'after',
      `
With --calibrate the file is a third to a half smaller at the same accuracy. The samples need no labels, and are prepared by --scale, --mean, --std,
--channels and --size as for eval; they should be those of use, or of training. --calibrate noise needs no data: synthetic pictures, or noise,
take their place, in the range that --scale, --mean and --std give, or else a likely one. Ordinary nets are then a tenth to a third smaller.

External data of an ONNX model are found beside it. Keras models are those that model.save of Keras 1.2 to 3 writes; they
need no Python. With --scale, --mean, --std or --channels the file says how its input is to be prepared, for eval and for runtimes.

Examples:
  fqz convert model.onnx -o model.fqz
  fqz convert model.keras -o model.fqz
  fqz convert model.onnx -o model.fqz --target-size 50000
  fqz convert classifier.onnx -o classifier.fqz --quality 80 --mean 0.1307 --std 0.3081 --labels digits.txt
  fqz convert digits.onnx -o digits.fqz --calibrate mnist:mnist:train --mean 0.1307 --std 0.3081 --target-size 40000
  fqz convert model.onnx -o model.fqz --calibrate noise
  fqz convert model.onnx -o model.fqz --precision lossless --json`,
    );
  return addBatchOption(addSizeOption(addPreparationOptions(conversion))).action((model: string, flags: ConvertFlags) =>
    runConvert(io, model, flags),
  );
}

async function runConvert(io: Io, path: string, flags: ConvertFlags): Promise<void> {
  const started = performance.now();
  const { labels: labelsPath, quality, targetSize, maxError, precision } = flags;
  const output = prepareOutput(flags.output, labelsPath === undefined ? [path] : [path, labelsPath]);
  const labels = labelsPath === undefined ? undefined : readLabels(labelsPath);
  const { model, bytes: inputBytes } = await loadSource(path, flags.layout ? { layout: flags.layout } : {});
  const preparation = storedPreparation(flags);
  const calibrate = await calibrationOf(flags);
  const budget = await budgetOf(model, flags);
  const target = budget
    ? { budget }
    : targetSize !== undefined
      ? { targetSize }
      : maxError !== undefined
        ? { maxError }
        : precision !== undefined
          ? { precision }
          : { quality: quality ?? CONVERT_DEFAULTS.quality };
  const { bytes, report } = await withProgress(io, (progress) =>
    convert(model, {
      ...target,
      ...(flags.layers !== undefined && { layers: flags.layers }),
      ...(flags.keepNames && { keepNames: true }),
      ...(preparation && { preparation }),
      ...(labels && { labels }),
      ...(calibrate && { calibrate }),
      evaluate: onnxruntimeEvaluate,
      onProgress: (state) => progress.update(state),
    }),
  );
  output.write(bytes);

  const seconds = (performance.now() - started) / 1000;
  const ratio = report.weightBytesFp32 / bytes.length;
  if (flags.json) {
    const { parameters, weightBytesFp32, tensors, storedAsOnnx } = report;
    const { calibration, calibrationSamples, withoutGradients } = report;
    const input = { path, bytes: inputBytes, parameters, weightBytesFp32 };
    io.print(
      JSON.stringify({
        input,
        output: { path: output.path, ...report.output },
        ratio,
        seconds,
        calibration,
        calibrationSamples,
        withoutGradients,
        storedAsOnnx,
        tensors,
      }),
    );
  } else io.print(summary(path, output.path, report, ratio, seconds));
}

function summary(input: string, output: string, report: ConvertReport, ratio: number, seconds: number): string {
  const { bytes, graphBytes, weightBytes, coefficients, layerEnds } = report.output;
  const parameters = `${grouped(report.parameters)} parameters, ${byteSize(report.weightBytesFp32)} as fp32`;
  const parts = `graph ${byteSize(graphBytes)}, weights ${byteSize(weightBytes)}, ${grouped(coefficients)} coefficients`;
  const factor = ratio < 100 ? ratio.toFixed(1) : grouped(Math.round(ratio));
  return [
    `${basename(input)}: ${parameters}`,
    `${basename(output)}: ${byteSize(bytes)} (${parts})`,
    `${factor} times smaller than the fp32 weights, in ${seconds.toFixed(1)} s`,
    ...(layerEnds ? [`a file of its own at ${layerEnds.map(grouped).join(', ')} bytes`] : []),
    ...calibrationLine(report),
    ...(report.storedAsOnnx === undefined ? [] : [`the graph is stored as ONNX: ${report.storedAsOnnx}`]),
  ].join('\n');
}

function calibrationLine({ calibration, calibrationSamples, withoutGradients }: ConvertReport): string[] {
  if (calibration === 'none' || calibrationSamples === undefined) return [];
  return [
    `calibrated on ${grouped(calibrationSamples)} samples${calibration === 'noise' ? ' of noise' : ''}`,
    ...(withoutGradients === undefined ? [] : [`all rows of a weight count alike: ${withoutGradients}`]),
  ];
}

/** The budget is measured against the model as it is now, before it is converted. */
async function budgetOf(model: Model, flags: ConvertFlags): Promise<Budget | undefined> {
  const { maxDrop, maxKl, eval: spec, size, batch } = flags;
  const limit = maxDrop ?? maxKl;
  if ((limit === undefined) !== (spec === undefined)) {
    throw new TypeError(
      limit === undefined ? '--eval needs --max-drop or --max-kl' : '--max-drop and --max-kl need --eval',
    );
  }
  if (limit === undefined) return undefined;
  const dataset = await openDataset(spec!);
  const reference = await openOnnx(writeOnnx(model));
  try {
    const options = {
      preparation: preparationFromFlags(flags),
      ...(size && { size }),
      ...(batch !== undefined && { batch }),
    };
    const make = maxDrop === undefined ? divergenceBudget : dropBudget;
    return await make(reference, dataset, limit, options);
  } finally {
    await reference.release();
  }
}

async function calibrationOf(flags: ConvertFlags): Promise<CalibrationData | undefined> {
  const { calibrate, calibrationSamples, size, batch } = flags;
  if (calibrate === undefined || calibrate === 'none') {
    const idle = {
      '--calibration-samples': calibrationSamples,
      ...(!flags.eval && { '--size': size, '--batch': batch }),
    };
    const given = Object.entries(idle).find(([, value]) => value !== undefined);
    if (given) throw new TypeError(`${given[0]} needs --calibrate`);
    return undefined;
  }
  const preparation = preparationFromFlags(flags);
  const options = {
    ...(Object.keys(preparation).length > 0 && { preparation }),
    ...(calibrationSamples !== undefined && { samples: calibrationSamples }),
    ...(size && { size }),
    ...(batch !== undefined && { batch }),
  };
  return calibrate === 'noise'
    ? noiseCalibration(options)
    : onnxruntimeCalibration(await openDataset(calibrate), options);
}

/** The whole preparation where any part of it is given: a file holds all of it or nothing. */
function storedPreparation(flags: PreparationFlags): Preparation | undefined {
  const given = preparationFromFlags(flags);
  return Object.keys(given).length === 0 ? undefined : { ...PREPARATION_DEFAULTS, ...given };
}

function readLabels(path: string): string[] {
  const text = readFileSync(path, 'utf8').trim();
  const labels = text.startsWith('[') ? parseLabels(text, path) : text.split(/\r?\n/).map((line) => line.trim());
  if (text === '' || labels.includes('')) throw new FormatError('labels', `${path} has an empty label`);
  return labels;
}

function parseLabels(text: string, path: string): string[] {
  let labels: unknown;
  try {
    labels = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('labels', `${path} starts like a JSON list but is none`, undefined, { cause });
  }
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === 'string')) {
    throw new FormatError('labels', `${path} is not a JSON list of strings`);
  }
  return labels;
}
