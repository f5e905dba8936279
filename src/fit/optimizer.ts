/**
 * Optimisers over flat arrays: Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) and SGD with momentum, with
 * the gradient's norm clipped. Coefficients are few, so this is plain TypeScript and not part of the graph.
 */

export type OptimizerKind = 'adam' | 'adamw' | 'sgd';

export interface OptimizerOptions {
  kind?: OptimizerKind;
  /** Decay of the running mean of gradients, or SGD's momentum. */
  beta1?: number;
  /** Decay of the running mean of squared gradients. */
  beta2?: number;
  /** AdamW's decay of the values per unit of the learning rate; with the others, it is added to the gradient. */
  weightDecay?: number;
}

const OPTIMIZER_DEFAULTS = { kind: 'adam', beta1: 0.9, beta2: 0.999, weightDecay: 0 } as const;

const EPSILON = 1e-8;

/** The running means of one array of values. */
export interface Moments {
  readonly first: Float32Array;
  /** Kept by SGD too: it tells which coefficients matter. */
  readonly second: Float32Array;
}

/** Zero moments for `size` values. */
export function newMoments(size: number): Moments {
  return { first: new Float32Array(size), second: new Float32Array(size) };
}

/**
 * Moves `values` one step against `gradient`, in place, where `live` is not 0 (everywhere unless given). What is not live
 * keeps its value and still has its moments followed.
 *
 * @param rate learning rate of this step
 * @param count number of steps so far, this one included, from 1
 */
export function descend(
  values: Float32Array,
  gradient: Float32Array,
  moments: Moments,
  rate: number,
  count: number,
  options: OptimizerOptions = {},
  live?: Uint8Array,
): void {
  const { kind, beta1, beta2, weightDecay } = { ...OPTIMIZER_DEFAULTS, ...options };
  const { first, second } = moments;
  const unbias1 = 1 / (1 - beta1 ** count);
  const unbias2 = 1 / (1 - beta2 ** count);
  const coupled = kind === 'adamw' ? 0 : weightDecay;
  const decoupled = kind === 'adamw' ? 1 - rate * weightDecay : 1;
  for (let at = 0; at < values.length; at++) {
    const slope = gradient[at]! + coupled * values[at]!;
    second[at] = beta2 * second[at]! + (1 - beta2) * slope * slope;
    first[at] = kind === 'sgd' ? beta1 * first[at]! + slope : beta1 * first[at]! + (1 - beta1) * slope;
    if (live && !live[at]) continue;
    const move = kind === 'sgd' ? first[at]! : (first[at]! * unbias1) / (Math.sqrt(second[at]! * unbias2) + EPSILON);
    values[at] = decoupled * values[at]! - rate * move;
  }
}

/** Scales the arrays together so that their Euclidean norm is at most `most`; returns the norm that they had. */
export function clipNorm(gradients: readonly Float32Array[], most: number): number {
  let sum = 0;
  for (const gradient of gradients) for (const value of gradient) sum += value * value;
  const norm = Math.sqrt(sum);
  if (norm > most) {
    const factor = most / norm;
    for (const gradient of gradients) for (let at = 0; at < gradient.length; at++) gradient[at]! *= factor;
  }
  return norm;
}
