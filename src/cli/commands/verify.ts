/**
 * `fqz verify`: does one file compute what another does?
 */
import { Command } from 'commander';
import { openDataset } from '../../data/data-spec.ts';
import { VERIFY_DEFAULTS, type Verification, verify } from '../../verify.ts';
import { finiteNumber, namedShape, wholeNumber } from '../arguments.ts';
import type { Io } from '../io.ts';
import { openFile } from '../load-model.ts';
import { addDataOptions, DATA_HELP, type DataFlags, preparationFromFlags } from '../preparation-options.ts';
import { withProgress } from '../progress.ts';
import { addRuntimeOptions, type RuntimeFlags } from '../runtime-options.ts';
import { figure, percent, shapeText, table } from '../text.ts';

interface VerifyFlags extends DataFlags, RuntimeFlags {
  against: string;
  data?: string;
  samples?: number;
  seed?: number;
  shape?: Map<string, number[]>;
  tolerance?: number;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  const verification = new Command('verify')
    .description('Runs two models on the same inputs, seeded noise where no data are given, and compares the outputs.')
    .argument('<file>', '.fqz, ONNX or Keras model')
    .requiredOption('--against <model>', 'the reference: ONNX, Keras or .fqz')
    .option('--data <spec>', 'data to run on, see below')
    .option(
      '--samples <N>',
      `samples of the data, or draws of noise (default: ${VERIFY_DEFAULTS.dataSamples}, ${VERIFY_DEFAULTS.noiseSamples})`,
      wholeNumber(1),
    )
    .option('--seed <N>', `seed of the noise (default: ${VERIFY_DEFAULTS.seed})`, wholeNumber(0))
    .option('--shape <name=dims>', 'shape of an input for the noise; unknown dimensions are 1 otherwise', namedShape)
    .option('--tolerance <error>', 'exit with 1 where an output has a larger relative error', finiteNumber);
  addDataOptions(verification);
  addRuntimeOptions(verification);
  return verification
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `${DATA_HELP}

For every output: max |a - b|, the same over max |b|, root mean square of a - b over that of b, cosine, and the fraction
of samples or pixels with the same largest class, where an output has classes. The reference always runs in onnxruntime.

Examples:
  fqz verify model.fqz --against model.onnx --tolerance 0.01
  fqz verify model.fqz --against model.onnx --shape image=1x3x224x224 --samples 8
  fqz verify model.fqz --against model.fqz --backend wasm
  fqz verify unet.fqz --against unet.onnx --data segmentation:images,masks --samples 2 --json`,
    )
    .action((path: string, flags: VerifyFlags) => runVerify(io, path, flags));
}

async function runVerify(io: Io, path: string, flags: VerifyFlags): Promise<void> {
  const given = preparationFromFlags(flags);
  const dataset = flags.data === undefined ? undefined : await openDataset(flags.data);
  const ours = await openFile(path, flags);
  const { form, engine, threads } = flags;
  const theirs = await openFile(flags.against, { form, engine, ...(threads !== undefined && { threads }) });
  try {
    const { size, layout, batch, samples, seed, shape, tolerance } = flags;
    const result = await withProgress(io, (progress) =>
      verify(ours.session, theirs.session, {
        preparation: { ...theirs.preparation, ...ours.preparation, ...given },
        ...(dataset && { dataset }),
        ...(size && { size }),
        ...(layout && { layout }),
        ...(batch !== undefined && { batch }),
        ...(samples !== undefined && { samples }),
        ...(seed !== undefined && { seed }),
        ...(shape && { shapes: shape }),
        onProgress: (state) => progress.update(state),
      }),
    );
    io.print(
      flags.json ? JSON.stringify({ ...result, ...(tolerance !== undefined && { tolerance }) }) : describe(result),
    );
    if (tolerance !== undefined && !(result.maxRelativeError <= tolerance)) {
      throw new RangeError(`the relative error ${figure(result.maxRelativeError)} is past the tolerance ${tolerance}`);
    }
  } finally {
    await ours.session.release();
    await theirs.session.release();
  }
}

function describe({ inputs, samples, outputs }: Verification): string {
  const columns = [
    { title: 'output', align: 'left' },
    { title: 'shape', align: 'left' },
    { title: 'max error', align: 'right' },
    { title: 'relative', align: 'right' },
    { title: 'rms relative', align: 'right' },
    { title: 'cosine', align: 'right' },
    { title: 'same class', align: 'right' },
  ] as const;
  const rows = outputs.map((output) => {
    const agreement = output.top1Agreement ?? output.maskAgreement;
    return [
      output.name,
      shapeText(output.shape),
      figure(output.maxAbsoluteError),
      figure(output.maxRelativeError),
      figure(output.rmsRelativeError),
      output.cosine.toFixed(6),
      agreement === undefined ? '' : percent(agreement),
    ];
  });
  const source = inputs === 'noise' ? `${samples} draws of seeded noise` : `${samples} samples`;
  return `${table(columns, rows)}\n\n${source}`;
}
