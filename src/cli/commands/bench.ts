/**
 * `fqz bench`: how fast a file runs here, and what it takes; with a peer, the two in turn.
 */
import { Command, Option } from 'commander';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { noiseFeeds } from '../../data/noise.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { openOnnx, type Runnable } from '../../onnxruntime.ts';
import { compareOutput } from '../../output-comparison.ts';
import { unpack } from '../../unpack.ts';
import { namedShape, positiveNumber, texts, wholeNumber } from '../arguments.ts';
import { INPUT_HELP, readFeeds } from '../feeds.ts';
import type { Io } from '../io.ts';
import { loadFile, loadFqz } from '../load-model.ts';
import { openInRuntime } from '../open-in-runtime.ts';
import { addPictureOptions, type PictureFlags, preparationFromFlags } from '../preparation-options.ts';
import { type Progress, withProgress } from '../progress.ts';
import { byteSize, figure, printable, shapeText, table } from '../text.ts';

interface BenchFlags extends PictureFlags {
  against?: string;
  backend: 'wasm' | 'js';
  width?: number;
  runs: number;
  input?: string[];
  shape?: Map<string, number[]>;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  const bench = new Command('bench')
    .description('Times a .fqz in this runtime, and another model in onnxruntime-web (one thread) in turn with it.')
    .argument('<file>', '.fqz file')
    .option('--against <model>', 'the peer: ONNX or Keras, or .fqz whose weights are rebuilt')
    .addOption(
      new Option('--backend <backend>', 'WebAssembly or plain JavaScript').choices(['wasm', 'js']).default('wasm'),
    )
    .option('--width <fraction>', "run at a fraction of the model's width", positiveNumber)
    .option('--runs <N>', 'runs to take the median of', wholeNumber(1, 100_000), 10)
    .option('--input <name=file>', 'the value of an input, see below (default: seeded noise)', texts)
    .option('--shape <name=dims>', 'shape of an input for the noise; unknown dimensions are 1 otherwise', namedShape);
  addPictureOptions(bench);
  return bench
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `${INPUT_HELP}

Times are in milliseconds. load: from the file's bytes to an open model, WebAssembly compiled. first: the first run, which
also plans. median: of the runs after it, which take turns with the peer's.

Examples:
  fqz bench unet.fqz --shape image=1x3x640x959
  fqz bench squeezenet.fqz --against squeezenet.onnx --runs 20
  fqz bench unet.fqz --width 0.25 --input image=car.jpg --json`,
    )
    .action((path: string, flags: BenchFlags) => runBench(io, path, flags));
}

/** A model under the clock; all times in milliseconds. */
interface Contestant {
  readonly model: Runnable & { release(): Promise<void> };
  readonly load: number;
  readonly times: number[];
  outputs?: Map<string, Tensor>;
}

async function runBench(io: Io, path: string, flags: BenchFlags): Promise<void> {
  const given = preparationFromFlags(flags);
  const { against, backend, width, runs, input, shape, size, layout } = flags;
  const { bytes } = await loadFqz(path);
  const peerBytes = against === undefined ? undefined : await onnxBytes(against);

  const opening = await timed(() => openInRuntime(bytes, { backend, ...(width !== undefined && { width }) }));
  const { info, preparation, session } = opening.result;
  const ours: Contestant = { model: session, load: opening.milliseconds, times: [] };
  const contestants = [ours];
  try {
    const feeds = input
      ? await readFeeds(session.inputs, input, {
          preparation: { ...preparation, ...given },
          ...(size && { size }),
          ...(layout && { layout }),
        })
      : noiseFeeds(session.inputs, 1, shape);
    if (peerBytes) {
      const { result, milliseconds } = await timed(() => openOnnx(peerBytes, { engine: 'web', threads: 1 }));
      contestants.push({ model: result, load: milliseconds, times: [] });
    }
    await withProgress(io, (progress) => takeTurns(contestants, feeds, runs, progress));
    const [, peer] = contestants;
    const report = {
      file: { path, bytes: bytes.length },
      ...info(),
      runs,
      inputs: Object.fromEntries([...feeds].map(([name, tensor]) => [name, tensor.shape])),
      ours: timesOf(ours),
      ...(peer && { peer: { path: against!, ...timesOf(peer) }, ...comparison(ours, peer) }),
    };
    io.print(flags.json ? JSON.stringify(report) : describe(report));
  } finally {
    for (const { model } of contestants) await model.release();
  }
}

async function onnxBytes(path: string): Promise<Uint8Array> {
  const file = await loadFile(path);
  return writeOnnx(file.format === 'fqz' ? unpack(file.archive, { form: 'dense' }) : file.model);
}

async function timed<Result>(work: () => Promise<Result>): Promise<{ result: Result; milliseconds: number }> {
  const start = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - start };
}

/** One run each, then `runs` more; inputs and outputs go by position where the peer's names differ. */
async function takeTurns(
  contestants: readonly Contestant[],
  feeds: ReadonlyMap<string, Tensor>,
  runs: number,
  progress: Progress,
): Promise<void> {
  const values = [...feeds.values()];
  for (let run = 0; run <= runs; run++) {
    for (const contestant of contestants) {
      const { model, times } = contestant;
      const own = new Map(model.inputs.map(({ name }, at) => [name, feeds.get(name) ?? values[at]!]));
      const { result, milliseconds } = await timed(() => model.run(own));
      times.push(milliseconds);
      contestant.outputs = result;
    }
    progress.update({ done: run, total: runs });
  }
}

interface Times {
  readonly load: number;
  readonly first: number;
  readonly median: number;
}

function timesOf({ load, times }: Contestant): Times {
  const [first, ...later] = times;
  const sorted = later.sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { load, first: first!, median };
}

function comparison(ours: Contestant, peer: Contestant): { ratio: number; maxRelativeError: number } {
  const theirs = [...peer.outputs!];
  const errors = [...ours.outputs!].map(([name, tensor], at) => {
    const other = peer.outputs!.get(name) ?? theirs[at]?.[1];
    if (!other) throw new RangeError(`the peer has no output for ${name}`);
    const comparer = compareOutput(name);
    comparer.add(tensor, other);
    return comparer.result().maxRelativeError;
  });
  return { ratio: timesOf(peer).median / timesOf(ours).median, maxRelativeError: Math.max(...errors) };
}

interface Report {
  readonly file: { readonly path: string; readonly bytes: number };
  readonly backend: string;
  readonly variant?: string;
  readonly width: number;
  readonly memory: { readonly weights: number; readonly activations: number; readonly total: number };
  readonly runs: number;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly ours: Times;
  readonly peer?: Times & { readonly path: string };
  readonly ratio?: number;
  readonly maxRelativeError?: number;
}

function describe(report: Report): string {
  const { file, backend, variant, width, memory, runs, inputs, ours, peer, ratio, maxRelativeError } = report;
  const columns = [
    { title: 'milliseconds', align: 'left' },
    { title: 'load', align: 'right' },
    { title: 'first', align: 'right' },
    { title: `median of ${runs}`, align: 'right' },
  ] as const;
  const row = (name: string, { load, first, median }: Times) => [
    name,
    ...[load, first, median].map((time) => time.toFixed(time < 10 ? 2 : 1)),
  ];
  const own = `fqz ${backend}${variant ? ` (${variant})` : ''}${width < 1 ? ` at width ${width}` : ''}`;
  const rows = [row(own, ours), ...(peer ? [row('onnxruntime-web', peer)] : [])];
  const shapes = Object.entries(inputs).map(([name, shape]) => `${printable(name)} ${shapeText(shape)}`);
  const { weights, activations, total } = memory;
  const lines = [
    `${file.path}: ${byteSize(file.bytes)}; ${shapes.join(', ')}`,
    table(columns, rows),
    `memory ${byteSize(total)}: weights ${byteSize(weights)}, activations ${byteSize(activations)}`,
  ];
  if (peer) lines.push(`${ratio!.toFixed(2)} times as fast; outputs differ by ${figure(maxRelativeError!)} relative`);
  return lines.join('\n\n');
}
