/**
 * The settings of a layer as its configuration in the file gives them, which may be anything: each reader returns what it
 * promises or throws `FormatError`.
 */
import type { KerasLayer } from './keras-model.ts';
import { layerError } from './layer-rule.ts';

/** The value of a setting; `undefined` where it is absent or null. What Python had as a tuple or an array of NumPy's is a plain list. */
export function setting({ config }: KerasLayer, name: string): unknown {
  if (!Object.hasOwn(config, name)) return undefined;
  const value = config[name] ?? undefined;
  if (typeof value !== 'object') return value;
  const { type, class_name: className, value: plain, config: inner, items } = value as Record<string, unknown>;
  if (type === 'ndarray') return plain;
  if (className === '__tuple__' || className === 'TensorShape') return items;
  return className === '__numpy__' ? (inner as { value?: unknown } | undefined)?.value : value;
}

function wrong(layer: KerasLayer, name: string, value: unknown, expected: string): Error {
  const shown = JSON.stringify(value) ?? 'nothing';
  return layerError(layer, `has ${name} ${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown}, expected ${expected}`);
}

/** A finite number. */
export function numberSetting(layer: KerasLayer, name: string, fallback: number): number {
  const value = setting(layer, name) ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw wrong(layer, name, value, 'a number');
}

/** A whole number from `least` up; without a fallback it must be there. */
export function sizeSetting(layer: KerasLayer, name: string, fallback?: number, least = 1): number {
  const value = setting(layer, name) ?? fallback;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw wrong(layer, name, value, `a whole number from ${least} up`);
}

/** `count` whole numbers, given as a list of so many or as one for all. */
export function sizesSetting(layer: KerasLayer, name: string, count: number, fallback?: number, least = 1): number[] {
  const value = setting(layer, name) ?? fallback;
  const list = Array.isArray(value) ? value : new Array(count).fill(value);
  if (list.length === count && list.every((size) => Number.isSafeInteger(size) && size >= least)) return list;
  throw wrong(layer, name, value, `${count} whole numbers from ${least} up`);
}

export function flagSetting(layer: KerasLayer, name: string, fallback: boolean): boolean {
  const value = setting(layer, name) ?? fallback;
  if (typeof value === 'boolean') return value;
  throw wrong(layer, name, value, 'true or false');
}

/** One of `choices`. */
export function choiceSetting<T extends string>(
  layer: KerasLayer,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const value = setting(layer, name) ?? fallback;
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  throw wrong(layer, name, value, choices.join(' or '));
}

/** An axis of a value with `rank` axes, counted from the front. */
export function axisSetting(layer: KerasLayer, name: string, rank: number, fallback: number): number {
  const value = setting(layer, name) ?? fallback;
  return axisOf(layer, name, value, rank);
}

/** `value` as an axis of a value with `rank` axes, counted from the front. */
export function axisOf(layer: KerasLayer, name: string, value: unknown, rank: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= -rank && value < rank) {
    return value < 0 ? value + rank : value;
  }
  throw wrong(layer, name, value, `an axis of a value with ${rank} axes`);
}

/** Where the channels of images are: Keras' `data_format`, which is `channels_last` unless given. */
export function channelAxis(layer: KerasLayer, rank: number): number {
  const format = choiceSetting(layer, 'data_format', ['channels_last', 'channels_first'], 'channels_last');
  return format === 'channels_first' ? 1 : rank - 1;
}
