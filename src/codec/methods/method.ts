/**
 * What a method of the codec is: a way to write a tensor as a network, with an estimate of its cost beforehand.
 */
import type { TensorNetwork } from '../network.ts';

/** A tensor to store: finite, not all zero, in the shape that the codec should see. */
export interface WeightTensor {
  readonly shape: readonly number[];
  /** A new copy of the elements on every call, which the method may spend: they can be a hundred megabytes. */
  values(): Float64Array;
  /** Sum of squares. */
  readonly energy: number;
  /** The axis along which the outputs of the weight's layer lie, where there is such an axis. */
  readonly outputAxis?: number;
}

export interface Encoded {
  readonly network: TensorNetwork;
  /** ‖stored − original‖ / ‖original‖ in the Frobenius norm. */
  readonly relativeError: number;
}

/** One way of storing one tensor. */
export interface Proposal {
  /** Name for people, such as `dct`. */
  readonly method: string;
  /** How many numbers the network would carry. */
  readonly size: number;
  /** Estimated bits at a relative error. */
  bits(relativeError: number): number;
  /** The network whose relative error is at most `relativeError`; throws `RangeError` where it cannot be reached. */
  encode(relativeError: number): Encoded;
  /** The network with its numbers rounded to float16, or `undefined` where one is out of float16's range. */
  encodeHalf(): Encoded | undefined;
}

/**
 * A method gives its proposals for a tensor, none where it does not apply. `tolerance` is the largest relative error
 * that will ever be asked for, so that a method may leave out what is well below it.
 */
export type Method = (tensor: WeightTensor, tolerance: number) => Proposal[];
