/**
 * Operations that stand in a model as layers: Keras 3's own (keras.ops), whose parameters are in the configuration, and
 * TensorFlow's functions in Keras 2, whose parameters are keyword arguments of the call.
 */
import type { KerasValue } from './graph-builder.ts';
import { setting } from './layer-config.ts';
import { type AppliedLayer, layerError, takeWeights, valuesOf, withoutMask } from './layer-rule.ts';

/** The parameter that goes by any of these names; `undefined` where it is absent or null. */
export function parameter({ layer, kwargs }: AppliedLayer, ...names: readonly string[]): unknown {
  for (const name of names) {
    const argument = Object.hasOwn(kwargs, name) ? kwargs[name] : undefined;
    const value = argument?.kind === 'constant' ? argument.value : setting(layer, name);
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

/** The one value that an operation takes. */
export function operand(applied: AppliedLayer): KerasValue {
  takeWeights(applied.layer, []);
  const [value, ...others] = valuesOf([...applied.args, ...Object.values(applied.kwargs)]);
  if (value && others.length === 0) return withoutMask(value);
  throw layerError(applied.layer, `is called with ${value ? others.length + 1 : 0} values, expected 1`);
}

/** A whole number, or a list of such, as a list; `undefined` where it is absent. */
export function integersOf(applied: AppliedLayer, ...names: readonly string[]): number[] | undefined {
  const value = parameter(applied, ...names);
  if (value === undefined) return undefined;
  const list = Array.isArray(value) ? value : [value];
  if (list.every((each) => Number.isSafeInteger(each))) return list;
  throw layerError(applied.layer, `has ${names[0]} ${JSON.stringify(value)?.slice(0, 60)}, expected whole numbers`);
}

/** A number. */
export function numberOf(applied: AppliedLayer, fallback: number, ...names: readonly string[]): number {
  const value = parameter(applied, ...names) ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw layerError(applied.layer, `has ${names[0]} ${JSON.stringify(value)?.slice(0, 60)}, expected a number`);
}
