/**
 * What a gradient rule sees of a node and what it answers, and the forms that many rules have.
 */
import { UnsupportedError } from '../../errors.ts';
import type { Node } from '../../graph/graph.ts';
import type { Emitter, Operand } from '../emit.ts';
import { sumTo } from './like.ts';

/** The names of a node's inputs; those that it does not have are empty strings, and there are always enough of them. */
export type Inputs = readonly [string, string, string, string, string, ...string[]];

/** A node and the gradient of the loss by its outputs. */
export interface Application {
  readonly node: Node;
  readonly inputs: Inputs;
  /** The first input. */
  readonly x: string;
  /** The first output. */
  readonly y: string;
  /** The cotangent of the first output: the gradient of the loss by it, of the output's shape. */
  readonly dy: string;
  /** The cotangents of all outputs in order, `undefined` where the loss does not depend on one. */
  readonly cotangents: readonly (string | undefined)[];
  /** Whether the gradient by input `index` is wanted. What nobody wants is removed anyway: a rule asks where it could not emit it. */
  wants(index: number): boolean;
}

/**
 * Emits nodes for the gradients by a node's inputs, in their order, each of the input's shape; `undefined` or missing for an
 * input by which there is none.
 */
export type GradientRule = (emit: Emitter, at: Application) => readonly (string | undefined)[];

/** Rules by operator of the default domain. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/** The error for what a rule cannot do: `problem` says what and why. */
export function unsupported({ op, name, outputs }: Node, problem: string): UnsupportedError {
  return new UnsupportedError(`${op} (node ${JSON.stringify(name || outputs[0])}): ${problem}`);
}

/** The rule of an operator on one value whose derivative at each element is what `derivative` emits. */
export const slope =
  (derivative: (emit: Emitter, at: Application) => Operand): GradientRule =>
  (emit, at) => [emit.Mul(at.dy, derivative(emit, at))];

/** A rule whose gradients have the shape of the output, to which the inputs were broadcast. */
export const broadcasting =
  (rule: GradientRule): GradientRule =>
  (emit, at) =>
    rule(emit, at).map((gradient, index) => gradient && sumTo(emit, gradient, at.inputs[index]!));

/** `value` where `condition` holds, else zero; quicker than Where. */
export const masked = ({ CastLike, Mul }: Emitter, condition: string, value: string): string =>
  Mul(value, CastLike(condition, value));
