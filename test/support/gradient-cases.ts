/**
 * Random nodes whose gradients are to be checked.
 */
import { expect } from 'vitest';
import type { Attributes } from '../../src/fit/emit.ts';
import { isFloat } from '../../src/graph/dtype.ts';
import { type Attribute, type Dim, node } from '../../src/graph/graph.ts';
import { opSpec } from '../../src/graph/op-table.ts';
import { elementCount, float32Tensor, type NumericTensor } from '../../src/graph/tensor.ts';
import { type GradientCheck, gradientErrors } from './gradient-check.ts';
import { normal, random } from './random.ts';
import { buildModel } from './run-model.ts';

/** Random choices for cases. */
export interface Dice {
  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number;
  integers(count: number, low: number, high: number): number[];
  flip(chance?: number): boolean;
  pick<T>(choices: readonly T[]): T;
  /** Normal numbers. */
  smooth(shape: readonly number[], scale?: number): NumericTensor;
  /** Numbers no two of which, and none of which and zero, are closer than 1/20. */
  spaced(shape: readonly number[]): NumericTensor;
  /** Numbers from `low` to `high`. */
  between(low: number, high: number, shape: readonly number[]): NumericTensor;
}

export function dice(seed: number): Dice {
  const next = random(seed);
  const bell = normal(seed + 1);
  const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const filled = (shape: readonly number[], value: () => number) =>
    float32Tensor(shape, Float32Array.from({ length: elementCount(shape) }, value));
  return {
    integer,
    integers: (count, low, high) => Array.from({ length: count }, () => integer(low, high)),
    flip: (chance = 0.5) => next() < chance,
    pick: (choices) => choices[integer(0, choices.length - 1)]!,
    smooth: (shape, scale = 1) => filled(shape, () => bell() * scale),
    between: (low, high, shape) => filled(shape, () => low + next() * (high - low)),
    spaced(shape) {
      const count = elementCount(shape);
      const places = Array.from({ length: count }, (_, index) => index - Math.floor(count / 2));
      for (let at = count - 1; at > 0; at--) {
        const other = integer(0, at);
        [places[at], places[other]] = [places[other]!, places[at]!];
      }
      return filled(shape, () => (places.pop()! + 0.5) / 20);
    },
  };
}

/** One node to be checked. */
export interface NodeCase {
  readonly op: string;
  /**
   * The node's inputs: float tensors are differentiated by, unless they stand in `constant`; `undefined` for one that is
   * omitted.
   */
  readonly inputs: readonly (NumericTensor | undefined)[];
  readonly constant?: readonly number[];
  readonly attributes?: Attributes;
  /** Names of the outputs, if it is not just one. */
  readonly outputs?: readonly string[];
  /** Those that the loss depends on, the first unless given. */
  readonly used?: readonly string[];
  readonly opset?: number;
  /** Axes whose sizes the graph does not tell, by input: all of them, or those at the front. */
  readonly unknown?: 'all' | 'batch';
  readonly step?: number;
}

/** A model of one node, and what to feed it. */
export function nodeCheck(made: NodeCase): GradientCheck {
  const { op, inputs, constant = [], attributes = {}, outputs = ['y'], opset = 21, unknown, step } = made;
  const names = inputs.map((tensor, index) => (tensor ? `input${index}` : ''));
  const isFed = (tensor: NumericTensor | undefined, index: number): tensor is NumericTensor =>
    tensor !== undefined && isFloat(tensor.dtype) && !constant.includes(index);
  const fed = inputs.flatMap((tensor, index) => (isFed(tensor, index) ? [[names[index]!, tensor] as const] : []));
  const given = inputs.flatMap((tensor, index) =>
    tensor && !isFed(tensor, index) ? [[names[index]!, tensor] as const] : [],
  );
  const declared = (shape: readonly number[]): Dim[] =>
    shape.map((dim, axis) => (unknown === 'all' || (unknown === 'batch' && axis === 0) ? null : dim));
  const types = new Map(opSpec(op)!.attributes.map(({ name, type }) => [name, type]));
  const typed = Object.entries(attributes).map(([name, value]) => [
    name,
    { type: types.get(name), value } as Attribute,
  ]);
  const model = buildModel(
    opset,
    Object.fromEntries(fed.map(([name, { shape }]) => [name, declared(shape)])),
    [node(op, names, [...outputs], Object.fromEntries(typed))],
    [...(made.used ?? outputs.slice(0, 1))],
    Object.fromEntries(given),
  );
  return { model, feeds: new Map(fed), of: fed.map(([name]) => name), ...(step && { step }) };
}

/** Checks `count` random cases of a node, each with its own dice. */
export async function expectGradients(count: number, make: (dice: Dice, index: number) => NodeCase): Promise<void> {
  for (let index = 0; index < count; index++) {
    const made = make(dice(1000 * index + 1), index);
    const errors = await gradientErrors(nodeCheck(made)).catch((cause) => {
      throw new Error(describe(made), { cause });
    });
    expect(Math.max(...[...errors.values()].flat()), describe(made)).toBeLessThan(1e-3);
  }
}

function describe({ op, inputs, attributes, unknown }: NodeCase): string {
  const shapes = inputs.map((tensor) => (tensor ? `[${tensor.shape}]` : '-')).join(' ');
  return `${op} ${shapes} ${JSON.stringify(attributes ?? {})} ${unknown ?? ''}`;
}
