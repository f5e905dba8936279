/**
 * `fqz eval`: how good a model is on data.
 */
import { Command } from 'commander';
import { openDataset } from '../../data/data-spec.ts';
import { type Evaluation, evaluate } from '../../evaluate.ts';
import { wholeNumber } from '../arguments.ts';
import type { Io } from '../io.ts';
import { openFile } from '../load-model.ts';
import { addDataOptions, DATA_HELP, type DataFlags, preparationFromFlags } from '../preparation-options.ts';
import { withProgress } from '../progress.ts';
import { addRuntimeOptions, type RuntimeFlags } from '../runtime-options.ts';
import { figure, grouped, percent, printable } from '../text.ts';

interface EvalFlags extends DataFlags, RuntimeFlags {
  data: string;
  limit?: number;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  const evaluation = new Command('eval')
    .description('Runs a .fqz, ONNX or Keras model on data and prints its top-1 accuracy, Dice coefficient or error.')
    .argument('<file>', '.fqz, ONNX or Keras model')
    .requiredOption('--data <spec>', 'the data, see below')
    .option('--limit <N>', 'only the first N samples', wholeNumber(1));
  addDataOptions(evaluation);
  addRuntimeOptions(evaluation);
  return evaluation
    .option('--json', 'print one JSON object: metric, value, samples, perSample where samples are files')
    .addHelpText(
      'after',
      `${DATA_HELP}

Metrics:
  top1              fraction of samples whose class has the largest value in the first output
  dice              mean Dice coefficient of the foreground: the single logit above 0, or a channel but the first largest
  maxRelativeError  largest |a - b| over largest |b| of any output, against the expected outputs of an npz file

Examples:
  fqz eval lenet.fqz --data mnist:mnist --mean 0.1307 --std 0.3081
  fqz eval unet.fqz --data segmentation:images,masks --limit 8 --json
  fqz eval squeezenet.onnx --data images:photos --scale 1 --mean 104,117,123 --channels bgr`,
    )
    .action((path: string, flags: EvalFlags) => runEval(io, path, flags));
}

async function runEval(io: Io, path: string, flags: EvalFlags): Promise<void> {
  const given = preparationFromFlags(flags);
  const dataset = await openDataset(flags.data);
  const { session, preparation, labels } = await openFile(path, flags);
  try {
    const { size, layout, batch, limit } = flags;
    const result = await withProgress(io, (progress) =>
      evaluate(session, dataset, {
        preparation: { ...preparation, ...given },
        ...(size && { size }),
        ...(layout && { layout }),
        ...(batch !== undefined && { batch }),
        ...(limit !== undefined && { limit }),
        onProgress: (state) => progress.update(state),
      }),
    );
    io.print(flags.json ? JSON.stringify(result) : describe(result, labels));
  } finally {
    await session.release();
  }
}

function describe({ metric, value, samples, perSample = [] }: Evaluation, labels?: readonly string[]): string {
  const className = (index: number) => printable(labels?.[index] ?? `class ${index}`);
  const lines = perSample.map(({ name, value, predicted }) =>
    metric === 'top1'
      ? `${printable(name)}  ${value === 1 ? 'right' : 'wrong'}  ${className(predicted!)}`
      : `${printable(name)}  ${value.toFixed(5)}`,
  );
  const over = `over ${grouped(samples)} sample${samples === 1 ? '' : 's'}`;
  const total = {
    top1: `top-1 accuracy ${percent(value)} ${over}`,
    dice: `mean Dice ${value.toFixed(5)} ${over}`,
    maxRelativeError: `largest relative error ${figure(value)} ${over}`,
  };
  return [...lines, total[metric]].join('\n');
}
