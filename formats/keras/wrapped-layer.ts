/**
 * Layers that stand in the configuration of another one: what a wrapper applies, or the cells of a recurrent layer.
 */
import type { KerasArray, KerasLayer } from './keras-model.ts';
import { layerError } from './layer-rule.ts';

/**
 * The layer that `serialized`, an object with `class_name` and `config`, describes.
 *
 * @param outer the layer in whose configuration it stands
 * @param what the setting that holds it, for messages
 * @throws {FormatError} where it is no such object
 */
export function wrappedLayer(
  outer: KerasLayer,
  what: string,
  serialized: unknown,
  weights: readonly KerasArray[],
): KerasLayer {
  const { class_name: given, config } = (serialized ?? {}) as { class_name?: unknown; config?: unknown };
  if (typeof given !== 'string' || typeof config !== 'object' || config === null) {
    throw layerError(outer, `has no layer in its setting ${what}`);
  }
  const className = given.slice(given.lastIndexOf('>') + 1);
  const settings = config as Readonly<Record<string, unknown>>;
  const name = typeof settings.name === 'string' ? settings.name : className;
  return { className, name, path: `${outer.path}/${name}`, config: settings, weights, calls: [] };
}
