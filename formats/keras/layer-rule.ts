/**
 * What a layer's rule is given and what it gives back, and the checks that all rules share: a file may name any layer
 * with any inputs and weights, and each rule says in one line what it expected.
 */
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import type { GraphBuilder, KerasValue } from './graph-builder.ts';
import type { KerasArray, KerasLayer } from './keras-model.ts';
import { shapeText } from './sizes.ts';

/** What a layer is called with, once the values are there. */
export type Argument =
  | { readonly kind: 'value'; readonly value: KerasValue }
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'list'; readonly items: readonly Argument[] };

/** One call of a layer. */
export interface AppliedLayer {
  readonly layer: KerasLayer;
  /** 1, 2 or 3; 2 where the file does not say. */
  readonly kerasMajor: number;
  readonly args: readonly Argument[];
  readonly kwargs: Readonly<Record<string, Argument>>;
  /** Names what it adds after the layer. */
  readonly builder: GraphBuilder;
  /** Applies another layer, such as the one inside a wrapper; what that adds is named after its path. */
  apply(layer: KerasLayer, args: readonly Argument[], kwargs?: Readonly<Record<string, Argument>>): KerasValue[];
}

/** Adds what the layer computes to the graph and returns its output, or its outputs. */
export type Rule = (applied: AppliedLayer) => KerasValue | readonly KerasValue[];

/** A row of the table of layers. */
export type LayerRow =
  | {
      readonly rule: Rule;
      /** What is not supported of it, or how; one short sentence without a full stop, for the table in the docs. */
      readonly note?: string;
      /** Hands the mask of its first input on, as Keras does where a layer "supports masking". */
      readonly passesMask?: true;
    }
  /** Why the layer cannot be read, in half a sentence. */
  | { readonly refused: string };

/** Rows by class name. */
export type LayerRows = Readonly<Record<string, LayerRow>>;

/** How messages call a layer: `layer "conv" (Conv2D) at model/conv`. */
export function layerTitle({ name, className, path }: KerasLayer): string {
  return `layer "${name}" (${className}) at ${path}`;
}

/** An error about what a file says of a layer. */
export function layerError(layer: KerasLayer, problem: string): FormatError {
  return new FormatError('Keras', `${layerTitle(layer)} ${problem}`);
}

/** An error about a layer, or a setting of it, that this reader does not know. */
export function unsupportedLayer(layer: KerasLayer, reason: string): UnsupportedError {
  return new UnsupportedError(`Keras ${layerTitle(layer)}: ${reason}`);
}

/** Every value among `arguments_`, also those in lists, in order. */
export function valuesOf(arguments_: readonly Argument[]): KerasValue[] {
  return arguments_.flatMap((argument) => {
    if (argument.kind === 'value') return [argument.value];
    return argument.kind === 'list' ? valuesOf(argument.items) : [];
  });
}

/** The positional inputs of a layer that takes `least` or more values. */
export function inputsOf({ layer, args }: AppliedLayer, least: number): KerasValue[] {
  const values = valuesOf(args);
  if (values.length >= least) return values;
  throw layerError(layer, `is called with ${values.length} inputs, expected ${least} or more`);
}

/** The only input of a layer, whose rank is from `least` to `most`. */
export function inputOf(applied: AppliedLayer, least = 1, most = Number.POSITIVE_INFINITY): KerasValue {
  const { layer } = applied;
  const [value, ...others] = inputsOf(applied, 1);
  if (others.length > 0) throw layerError(layer, `is called with ${others.length + 1} inputs, expected 1`);
  const { shape } = value!;
  if (shape.length >= least && shape.length <= most) return value!;
  const expected =
    least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`;
  throw layerError(layer, `is given a value of shape ${shapeText(shape)}, expected ${expected} axes`);
}

/** `value` as float32, to which Keras casts what its layers are given. */
export function floatInput(builder: GraphBuilder, value: KerasValue): KerasValue {
  return builder.cast(value, 'float32');
}

/** More channels than this no layer has; what is made for each of them must not grow with a number that a file claims. */
const MOST_CHANNELS = 2 ** 24;

/** The value without a mask, as what a layer gives that does not hand masks on. */
export function withoutMask({ mask: _, ...value }: KerasValue): KerasValue {
  return value;
}

/** The size of axis `axis` (from the end where negative), which a layer must know. */
export function knownSize(layer: KerasLayer, { shape }: KerasValue, axis: number): number {
  const size = shape.at(axis);
  if (typeof size === 'number' && size > MOST_CHANNELS) {
    throw layerError(layer, `is given an axis of ${size}, expected at most ${MOST_CHANNELS}`);
  }
  if (typeof size === 'number') return size;
  throw unsupportedLayer(layer, `needs to know axis ${axis} of its input of shape ${shapeText(shape)}`);
}

/**
 * The layer's weights, once their number and shapes are checked against what `expected` names, in Keras' order.
 * Throws `FormatError`.
 */
export function takeWeights(
  layer: KerasLayer,
  expected: readonly (readonly [name: string, shape: readonly number[]])[],
): KerasArray[] {
  const list = expected.map(([name, shape]) => `${name} [${shape}]`).join(', ') || 'none';
  const found = layer.weights.map(({ shape }) => `[${shape}]`).join(', ') || 'none';
  const fits =
    layer.weights.length === expected.length &&
    layer.weights.every(({ shape, values }, at) => {
      const wanted = expected[at]![1];
      const count = wanted.reduce((product, size) => product * size, 1);
      return (
        shape.length === wanted.length && shape.every((size, axis) => size === wanted[axis]) && values.length === count
      );
    });
  if (!fits) throw layerError(layer, `has weights of shapes ${found}, expected ${list}`);
  return [...layer.weights];
}
