/**
 * The part of a conversion that looks at samples: prepares once what calibration needs to know, and codes weights at any fidelity.
 */
import type { CalibrationData } from './calibration-data.ts';
import {
  type CalibrateOptions,
  calibrate,
  fittingBatches,
  layerOutputs,
  NOISE_STAGES,
  outputErrorOf,
  sampleCount,
} from './codec/calibration/calibrate.ts';
import { ALL_STAGES } from './codec/calibration/code-layer.ts';
import type { Hessian } from './codec/calibration/hessian.ts';
import { type ChannelStatistics, matchNorms } from './codec/calibration/norms.ts';
import type { Fidelity } from './codec/fidelity.ts';
import type { PlannedWeight } from './codec/plan.ts';
import type { ConvertOptions } from './convert-options.ts';
import { UnsupportedError } from './errors.ts';
import { gradientMoments } from './gradient-moments.ts';
import type { Model } from './graph/graph.ts';
import type { Tensor } from './graph/tensor.ts';
import { OnnxruntimeError } from './onnxruntime.ts';

export interface CalibratedCoder {
  /** The weights that are coded against samples, by name. */
  code(wanted: Fidelity): Promise<Map<string, PlannedWeight>>;
  /** How many samples there is memory for. */
  readonly samples: number;
  /** Why it is not known how much the outputs of layers matter; absent where it is, or need not be. */
  readonly withoutGradients?: string;
}

/**
 * Prepares to code weights of `model` against `data`.
 *
 * @param norms what the model's norms had in training, by the values that they make
 * @param isFitted whether a weight is a few low frequencies, and stays these
 */
export async function calibratedCoder(
  model: Model,
  data: CalibrationData,
  norms: ReadonlyMap<string, ChannelStatistics>,
  isFitted: (name: string, tensor: Tensor) => boolean,
  { onProgress, signal, calibrationStages }: ConvertOptions,
): Promise<CalibratedCoder> {
  onProgress?.({ phase: 'calibrating', done: 0, total: 1 });
  const { execute, source } = data;
  const batches = await fittingBatches(model, await data.batches(model, signal), execute, signal);
  const matched = await matchNorms(model, norms, batches, execute, signal);
  // Only what norms tell of means is to be trusted of noise.
  const own = source === 'noise' && matched === model ? NOISE_STAGES : ALL_STAGES;
  const stages = calibrationStages ?? own;
  const except = new Set<string>();
  for (const [name, tensor] of model.graph.initializers) if (isFitted(name, tensor)) except.add(name);
  const given = { batches, execute, except, ...(signal && { signal }) };
  const { gradients, reason } = stages.rowFeedback ? await gradientsOf(matched, given) : {};
  return {
    samples: sampleCount(batches),
    ...(reason !== undefined && { withoutGradients: reason }),
    code: (wanted) =>
      calibrate(matched, {
        ...given,
        stages,
        ...(gradients && { gradients }),
        error: outputErrorOf(wanted),
        onProgress: (progress) => onProgress?.({ phase: 'calibrating', ...progress }),
      }),
  };
}

/** How much the outputs of layers matter, or why that cannot be told. */
async function gradientsOf(
  model: Model,
  given: Pick<CalibrateOptions, 'batches' | 'execute' | 'except' | 'signal'>,
): Promise<{ gradients?: ReadonlyMap<string, Hessian>; reason?: string }> {
  const outputs = layerOutputs(model, given.except);
  if (outputs.length === 0) return {};
  try {
    return { gradients: await gradientMoments(model, outputs, given) };
  } catch (error) {
    // An operator without a gradient, an older opset, or a gradient that the engine does not run.
    const isExpected = [UnsupportedError, RangeError, OnnxruntimeError].some((kind) => error instanceof kind);
    if (!isExpected) throw error;
    return { reason: (error as Error).message };
  }
}
