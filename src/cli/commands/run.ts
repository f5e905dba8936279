/**
 * `fqz run`: what a model makes of arrays or pictures.
 */
import { Command } from 'commander';
import { elementsOf } from '../../data/tensor-numbers.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { texts } from '../arguments.ts';
import { INPUT_HELP, readFeeds } from '../feeds.ts';
import type { Io } from '../io.ts';
import { openFile } from '../load-model.ts';
import { prepareOutputArrays } from '../output-arrays.ts';
import { addPictureOptions, type PictureFlags, preparationFromFlags } from '../preparation-options.ts';
import { addRuntimeOptions, type RuntimeFlags } from '../runtime-options.ts';
import { printable, shapeText, table } from '../text.ts';

interface RunFlags extends PictureFlags, RuntimeFlags {
  input: string[];
  output?: string;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  const running = new Command('run')
    .description('Runs a model once, and writes its outputs or prints what is in them.')
    .argument('<file>', '.fqz, ONNX or Keras model')
    .requiredOption('--input <name=file>', 'the value of an input, see below', texts)
    .option('-o, --output <file>', 'where to write: .npy for one output, .npz or a folder for any number');
  addPictureOptions(running);
  addRuntimeOptions(running, 'wasm');
  return running
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `${INPUT_HELP}

Where the file has labels, the five classes with the largest values are printed.

Examples:
  fqz run digits.fqz --input seven.png
  fqz run unet.fqz --input image=car.jpg -o mask.npy
  fqz run detector.fqz --input image=street.npy -o detections.npz --backend js`,
    )
    .action((path: string, flags: RunFlags) => runModel(io, path, flags));
}

async function runModel(io: Io, path: string, flags: RunFlags): Promise<void> {
  const given = preparationFromFlags(flags);
  const { input, output, size, layout, backend } = flags;
  const { session, preparation, labels } = await openFile(path, flags);
  try {
    const names = session.outputs.map(({ name }) => name);
    const target = output === undefined ? undefined : prepareOutputArrays(output, names, [path]);
    const feeds = await readFeeds(session.inputs, input, {
      preparation: { ...preparation, ...given },
      ...(size && { size }),
      ...(layout && { layout }),
    });
    const start = performance.now();
    const outputs = await session.run(feeds);
    const milliseconds = performance.now() - start;
    target?.write(outputs);
    const report = {
      backend,
      milliseconds,
      outputs: [...outputs].map(([name, tensor]) => describeOutput(name, tensor, labels)),
      ...(output !== undefined && { output }),
    };
    io.print(flags.json ? JSON.stringify(report) : describe(report));
  } finally {
    await session.release();
  }
}

interface OutputReport {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** For each row the classes with the largest values, where the file has labels. */
  readonly top?: readonly (readonly { label: string; index: number; value: number }[])[];
}

const TOP = 5;

function describeOutput(name: string, tensor: Tensor, labels: readonly string[] | undefined): OutputReport {
  const { dtype, shape } = tensor;
  const values = elementsOf(tensor);
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  const rows = shape.length > 1 ? shape[0]! : 1;
  const isScores = labels !== undefined && values.length === rows * labels.length;
  return {
    name,
    dtype,
    shape,
    min,
    max,
    mean: sum / values.length,
    ...(isScores && { top: Array.from({ length: rows }, (_, row) => topClasses(values, row, labels)) }),
  };
}

function topClasses(values: ArrayLike<number>, row: number, labels: readonly string[]) {
  return labels
    .map((label, index) => ({ label, index, value: values[row * labels.length + index]! }))
    .sort((a, b) => b.value - a.value)
    .slice(0, TOP);
}

function describe(report: { outputs: readonly OutputReport[]; output?: string; milliseconds: number }): string {
  const columns = [
    { title: 'output', align: 'left' },
    { title: 'type', align: 'left' },
    { title: 'shape', align: 'left' },
    { title: 'min', align: 'right' },
    { title: 'max', align: 'right' },
    { title: 'mean', align: 'right' },
  ] as const;
  const short = (value: number) => value.toPrecision(5);
  const rows = report.outputs.map(({ name, dtype, shape, min, max, mean }) => [
    name,
    dtype,
    shapeText(shape),
    short(min),
    short(max),
    short(mean),
  ]);
  const classes = report.outputs.flatMap(({ top = [] }) =>
    top.map((best) => best.map(({ label, value }) => `${short(value)}  ${printable(label)}`).join('\n')),
  );
  const where = report.output === undefined ? '' : `, written to ${report.output}`;
  return [...classes, table(columns, rows), `${report.milliseconds.toFixed(1)} ms${where}`].join('\n\n');
}
