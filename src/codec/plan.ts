/**
 * Chooses for each tensor the cheapest way to keep it within a wanted error: one of the methods' networks, or exact.
 */
import { isFloat, toFloat32 } from '../graph/numbers.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import type { StoredWeight } from './archive.ts';
import { allowedError, type Fidelity, LARGEST_HALF_ERROR } from './fidelity.ts';
import { fullDct, plain, windowDct } from './methods/cosine.ts';
import type { Encoded, Method, Proposal } from './methods/method.ts';
import { coefficientCount, LARGEST_RANK } from './network.ts';
import type { WeightRole } from './weight-roles.ts';

/** In the order in which they are tried; of two that cost the same, the first is taken. */
const METHODS: readonly Method[] = [fullDct, windowDct, plain];

/** A network with so many times fewer numbers than the tensor ends the search: no other method comes near. */
const DECISIVE = 64;

/** An ambiguous tensor below this many elements stays exact: it costs little and may be anything. */
const FEWEST_AMBIGUOUS = 64;

/** A network is not worth its header unless it saves this many bits against exact numbers. */
const HEADER_BITS = 48;

/** A tensor with the ways to store it, transformed once and for all. */
export interface PreparedWeight {
  readonly name: string;
  readonly tensor: Tensor;
  readonly ambiguous: boolean;
  /** None for what stays exact. */
  readonly proposals: readonly Proposal[];
}

/** A stored weight with what a report says of it. */
export interface PlannedWeight {
  readonly stored: StoredWeight;
  /** Name of the method; `exact` for a tensor that is kept bit for bit. */
  readonly method: string;
  /** Numbers other than zero that the weight carries; for an exact tensor all of its elements. */
  readonly coefficients: number;
  readonly relativeError: number;
}

/**
 * Transforms a tensor by every method that applies.
 *
 * @param fidelity the finest that will be asked for
 */
export function prepareWeight(
  name: string,
  tensor: Tensor,
  role: WeightRole | undefined,
  fidelity: Fidelity,
): PreparedWeight {
  const ambiguous = role?.kind === 'ambiguous';
  const exact = { name, tensor, ambiguous, proposals: [] };
  if (!role || fidelity.kind === 'lossless' || !isFloat(tensor.dtype)) return exact;
  const shape = role.folded ?? tensor.shape;
  const count = elementCount(shape);
  if (count < 2 || shape.length > LARGEST_RANK || (ambiguous && count < FEWEST_AMBIGUOUS)) return exact;
  const elements = toFloat32(tensor);
  const energy = elements.reduce((sum, value) => sum + value * value, 0);
  if (!(energy > 0 && energy < Number.MAX_VALUE) || elements.every((value) => value === elements[0])) return exact;
  const { outputAxis } = role;
  const weight = {
    shape,
    energy,
    values: () => new Float64Array(elements),
    ...(outputAxis !== undefined && shape.length > 1 && { outputAxis }),
  };
  const tolerance = fidelity.kind === 'fp16' ? HALF_TOLERANCE : allowedError(fidelity, 1, ambiguous);
  const proposals: Proposal[] = [];
  // In a mask or a table of anchors, a transform would spread errors over entries that must stay what they are.
  for (const method of ambiguous ? [plain] : METHODS) {
    proposals.push(...method(weight, tolerance));
    if (proposals.some(({ size }) => size * DECISIVE <= count)) break;
  }
  return { ...exact, proposals };
}

/** A weight of so many times fewer low frequencies is one that was fitted to them. */
const FITTED = 8;

/** Whether a weight is a few low frequencies along all axes, as fitting makes it: then it is best stored as these. */
export function isLowFrequency({ tensor, proposals }: PreparedWeight): boolean {
  return proposals.some(({ method, size }) => method === 'dct' && size * FITTED <= elementCount(tensor.shape));
}

/**
 * With float16, a support is only cut where what is left out is noise of the originals' own float32 rounding: the
 * coefficients then come back exactly.
 */
const HALF_TOLERANCE = 1e-4;

/** Stores a prepared weight in the cheapest way that stays within the fidelity. */
export function planWeight(weight: PreparedWeight, fidelity: Fidelity): PlannedWeight {
  const encoded = fidelity.kind === 'fp16' ? halfNetwork(weight) : quantizedNetwork(weight, fidelity);
  const { name, tensor } = weight;
  if (!encoded) {
    return { stored: { name, tensor }, method: 'exact', coefficients: elementCount(tensor.shape), relativeError: 0 };
  }
  const { network, relativeError, method } = encoded;
  const stored = { name, dtype: tensor.dtype, shape: tensor.shape, network };
  return { stored, method, coefficients: coefficientCount(network), relativeError };
}

type Choice = Encoded & { readonly method: string };

function quantizedNetwork({ tensor, ambiguous, proposals }: PreparedWeight, fidelity: Fidelity): Choice | undefined {
  let cheapest: { proposal: Proposal; error: number } | undefined;
  let fewest = exactBits(tensor) - HEADER_BITS;
  for (const proposal of proposals) {
    const error = allowedError(fidelity, proposal.size, ambiguous);
    const bits = proposal.bits(error);
    if (bits >= fewest) continue;
    fewest = bits;
    cheapest = { proposal, error };
  }
  if (!cheapest) return undefined;
  try {
    return { ...cheapest.proposal.encode(cheapest.error), method: cheapest.proposal.method };
  } catch (error) {
    // Values as far apart as 10⁻²⁰ and 1 are out of the quantiser's range: such a tensor stays exact.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * The network with the fewest float16 numbers, where one is as good as rounding the tensor itself: with as many numbers
 * as the tensor has, that is the rounded tensor, since only its errors stay small against each element.
 */
function halfNetwork({ tensor, proposals }: PreparedWeight): Choice | undefined {
  // Vectors are biases and norms: a few bytes, and every output feels them.
  if (tensor.dtype === 'float16' || tensor.shape.length < 2) return undefined;
  const count = elementCount(tensor.shape);
  const bySize = proposals.filter(({ method, size }) => method === 'plain' || size < count);
  for (const proposal of bySize.toSorted((a, b) => a.size - b.size)) {
    const encoded = proposal.encodeHalf();
    if (encoded && encoded.relativeError <= LARGEST_HALF_ERROR) return { ...encoded, method: proposal.method };
  }
  return undefined;
}

/** Bits of an exact tensor: sign, mantissa, and about three bits of exponent. */
function exactBits(tensor: Tensor): number {
  const mantissa = { float16: 10, bfloat16: 7, float32: 23, float64: 52 }[tensor.dtype as 'float32'] ?? 23;
  return elementCount(tensor.shape) * (mantissa + 4);
}
