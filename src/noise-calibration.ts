/**
 * Calibration without data: synthetic pictures, or noise for models of other inputs, stand in for samples. What the layers see of them is
 * near enough to what they see of real ones to tell weights that matter from others.
 *
 * Divergence of ResNet-20 at 94 kB from the original, on real images: rounding 0.099; calibrated on white noise 0.130, on noise whose
 * amplitudes fall off as f^−0.7 0.090, f⁻¹ 0.071 or f^−1.3 0.068, on dead leaves 0.050, on 512 real images 0.023. Leaves with a little 1/f or white
 * noise added are 10 % worse than without, and contrast that varies from picture to picture gains nothing.
 */
import { writeOnnx } from '../formats/onnx/write.ts';
import {
  CALIBRATION_DEFAULTS,
  type CalibrationData,
  type CalibrationDataOptions,
  onnxruntimeCalibration,
  onnxruntimeExecute,
} from './calibration-data.ts';
import { calibratedLayers } from './codec/calibration/layers.ts';
import { weightRoles } from './codec/weight-roles.ts';
import { deadLeaves, PHOTO_STATISTICS } from './data/dead-leaves.ts';
import { noiseFeeds, uniformNoise } from './data/noise.ts';
import { pictureInput } from './data/picture-input.ts';
import { tensorFromNumbers } from './data/tensor-numbers.ts';
import type { Model } from './graph/graph.ts';
import { isFloat, toFloat32 } from './graph/numbers.ts';
import type { Preparation } from './graph/preparation.ts';
import { elementCount, type Tensor } from './graph/tensor.ts';
import { consumersOf, isStandard } from './graph/uses.ts';
import { openOnnx, type TensorInfo } from './onnxruntime.ts';

/** Height and width of pictures for models that leave them open. */
const OPEN_SIZE = 128;

/** Pixels of all pictures together: larger pictures tell as much by themselves, and take longer. */
const MOST_PIXELS = 2 ** 22;
const FEWEST_PICTURES = 16;

/**
 * Noise in place of samples, run by onnxruntime: synthetic pictures for models that take pictures of one or three channels, seeded noise for
 * others. Without a preparation, the range of the values is guessed from what the first convolution makes of them. Its `batches` reject
 * as `openOnnx` and its `run` do. Throws `RangeError` where `samples` is no positive integer.
 */
export function noiseCalibration(options: CalibrationDataOptions = {}): CalibrationData {
  const { samples: wanted = CALIBRATION_DEFAULTS.samples } = options;
  return {
    // Refuses numbers of samples that are none.
    ...onnxruntimeCalibration(deadLeaves(1, 1, 1), { samples: wanted }),
    source: 'noise',
    async batches(model, signal) {
      const session = await openOnnx(writeOnnx(model));
      const { inputs } = session;
      await session.release();
      const size = pictureSize(inputs, options);
      if (!size) return otherFeeds(model, inputs, wanted, signal);
      const fitting = Math.max(FEWEST_PICTURES, Math.floor(MOST_PIXELS / (size[0] * size[1])));
      const samples = Math.min(wanted, fitting);
      const preparation = options.preparation ?? (await guessedPreparation(model, inputs, size, signal));
      const pictures = deadLeaves(samples, ...size);
      return onnxruntimeCalibration(pictures, { ...options, size, samples, preparation }).batches(model, signal);
    },
  };
}

/** Height and width of the pictures that a model with these inputs takes; `undefined` where it takes something else. */
function pictureSize(
  inputs: readonly TensorInfo[],
  options: CalibrationDataOptions,
): readonly [height: number, width: number] | undefined {
  if (inputs.length !== 1 || inputs[0]!.shape.length !== 4) return undefined;
  const { channels, height, width } = pictureInput(inputs, options);
  if (channels !== 1 && channels !== 3) return undefined;
  return [height ?? OPEN_SIZE, width ?? OPEN_SIZE];
}

const { mean, deviation } = PHOTO_STATISTICS;
const PREPARED = { scale: 255, mean: [mean], std: [deviation] };

/** The ranges in use, with the deviation that photographs have in them: normalised values, those from 0 to 1, and bytes. */
const RANGES: readonly { preparation: Partial<Preparation>; spread: number }[] = [
  { preparation: PREPARED, spread: 1 },
  { preparation: { scale: 255 }, spread: deviation },
  { preparation: { scale: 1 }, spread: 255 * deviation },
];

/** Pictures that the range is guessed from. */
const GUESSED_FROM = 4;

/**
 * The range in which the outputs of the first convolution deviate by about 1, as trained networks want them. This finds the range of 9 of the 11
 * networks that it was tried on; the others have no norms, and hardly care.
 */
async function guessedPreparation(
  model: Model,
  inputs: readonly TensorInfo[],
  size: readonly [number, number],
  signal?: AbortSignal,
): Promise<Partial<Preparation>> {
  if (!isFloat(inputs[0]!.dtype)) return { scale: 1 };
  const first = calibratedLayers(model, weightRoles(model)).find(({ kind }) => kind === 'window');
  const output = first?.uses[0]?.node.outputs[0];
  if (!first || output === undefined) return PREPARED;
  const alone: Model = { ...model, graph: { ...model.graph, outputs: [{ name: output }] } };
  const pictures = onnxruntimeCalibration(deadLeaves(GUESSED_FROM, ...size), { size, preparation: PREPARED });
  const graph = await onnxruntimeExecute(alone);
  try {
    const gains: number[] = [];
    for (const feeds of await pictures.batches(model, signal)) {
      gains.push(deviationOf((await graph.run(feeds)).get(output)!, first.groups * first.rows));
    }
    const gain = Math.max(...gains);
    const distance = ({ spread }: { spread: number }) => Math.abs(Math.log(gain * spread));
    return RANGES.toSorted((a, b) => distance(a) - distance(b))[0]!.preparation;
  } finally {
    await graph.release();
  }
}

/** Root of the mean variance of the channels of (N, channels, …). */
function deviationOf(output: Tensor, channels: number): number {
  const values = toFloat32(output);
  const places = values.length / channels / output.shape[0]!;
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  for (const [at, value] of values.entries()) {
    const channel = Math.floor(at / places) % channels;
    sums[channel]! += value;
    squares[channel]! += value * value;
  }
  const count = values.length / channels;
  const variance = squares.reduce((sum, square, channel) => sum + square / count - (sums[channel]! / count) ** 2, 0);
  return Math.sqrt(variance / channels);
}

/** Sizes that a model leaves open: samples in a run along the first axis, and steps along others. */
const [OPEN_BATCH, OPEN_LENGTH] = [8, 32];

/** Feeds of noise; integers that choose rows of a table choose any of them. */
async function otherFeeds(
  model: Model,
  inputs: readonly TensorInfo[],
  samples: number,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Tensor>[]> {
  const rows = tableRows(model);
  const feedsOf = (seed: number, batch: number) => {
    const sizeOf = (axis: number) => (axis === 0 ? batch : OPEN_LENGTH);
    const shapes = inputs.map(({ name, shape }) => [
      name,
      shape.map((dim, axis) => (typeof dim === 'number' ? dim : sizeOf(axis))),
    ]);
    const feeds = noiseFeeds(inputs, seed, new Map(shapes as [string, number[]][]));
    const uniform = uniformNoise(seed);
    for (const [name, { dtype, shape }] of feeds) {
      const count = rows.get(name);
      if (count === undefined || dtype === 'string' || isFloat(dtype)) continue;
      const indices = Float32Array.from({ length: elementCount(shape) }, () => Math.floor(count * uniform()));
      feeds.set(name, tensorFromNumbers(dtype, shape, indices));
    }
    return feeds;
  };
  const graph = await onnxruntimeExecute(model);
  // Exporters often declare a free batch size and bake 1 into a Reshape.
  const works = await graph.run(feedsOf(1, OPEN_BATCH)).then(
    () => true,
    () => false,
  );
  await graph.release();
  signal?.throwIfAborted();
  const batch = works ? OPEN_BATCH : 1;
  return Array.from({ length: Math.ceil(samples / batch) }, (_, run) => feedsOf(run + 1, batch));
}

/** How many rows the tables have that inputs of `model` choose from, by input. */
function tableRows({ graph }: Model): Map<string, number> {
  const found = new Map<string, number>();
  const consumers = consumersOf(graph);
  for (const { name } of graph.inputs) {
    const takers = consumers.get(name) ?? [];
    const all = takers.flatMap((node) => (isStandard(node, 'Cast') ? (consumers.get(node.outputs[0]!) ?? []) : [node]));
    const sizes = all.flatMap((node) => {
      const table = isStandard(node, 'Gather') ? graph.initializers.get(node.inputs[0]!) : undefined;
      return table?.shape[0] ?? [];
    });
    if (sizes.length > 0) found.set(name, Math.min(...sizes));
  }
  return found;
}
