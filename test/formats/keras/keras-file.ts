/**
 * Writes files as Keras does, by way of h5wasm and fflate, for tests that need files which no shared model has.
 */
import { zipSync } from 'fflate';
import { type File, type Group, File as Hdf5, ready } from 'h5wasm';

/** Arrays of a layer by the names that HDF5 files give them, in order. */
export type LayerArrays = Readonly<Record<string, WrittenArray>>;

export interface WrittenArray {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

let written = 0;

/** The bytes of an HDF5 file that `fill` puts things into. */
export async function hdf5(fill: (file: File) => void): Promise<Uint8Array> {
  const { FS } = await ready;
  const name = `written-${++written}.h5`;
  const file = new Hdf5(name, 'w');
  fill(file);
  file.close();
  const bytes = FS.readFile(name) as Uint8Array;
  FS.unlink(name);
  return bytes;
}

/** Adds an array to a group, with the groups on the way to it. */
export function addArray(group: Group, path: string, { shape, values }: WrittenArray): void {
  const parts = path.split('/');
  const name = parts.pop()!;
  let inside = group;
  for (const part of parts) inside = (inside.get(part) as Group | null) ?? inside.create_group(part);
  inside.create_dataset({ name, data: Float32Array.from(values), shape: [...shape] });
}

export interface LegacyOptions {
  /** 2.15.0 unless given; `null` leaves it out. */
  readonly kerasVersion?: string | null;
  readonly backend?: string;
  /** Lists of names in pieces of this length, as Keras cuts long ones. */
  readonly pieces?: number;
}

/** An HDF5 file as `model.save` writes it. */
export function legacyFile(
  config: unknown,
  layers: Readonly<Record<string, LayerArrays>>,
  options: LegacyOptions = {},
): Promise<Uint8Array> {
  const { kerasVersion = '2.15.0', backend = 'tensorflow', pieces } = options;
  const list = (target: Group, name: string, texts: readonly string[]) => {
    if (pieces === undefined || texts.length <= pieces) {
      target.create_attribute(name, texts.length > 0 ? [...texts] : new Float64Array(0), [texts.length]);
      return;
    }
    for (let start = 0; start < texts.length; start += pieces) {
      target.create_attribute(`${name}${start / pieces}`, texts.slice(start, start + pieces));
    }
  };
  return hdf5((file) => {
    file.create_attribute('model_config', JSON.stringify(config));
    if (kerasVersion !== null) file.create_attribute('keras_version', kerasVersion);
    file.create_attribute('backend', backend);
    const weights = file.create_group('model_weights');
    list(weights, 'layer_names', Object.keys(layers));
    for (const [layer, arrays] of Object.entries(layers)) {
      const group = weights.create_group(layer);
      list(group, 'weight_names', Object.keys(arrays));
      for (const [name, array] of Object.entries(arrays)) addArray(group, name, array);
    }
  });
}

/** The files of a `.keras` archive; arrays are by their path, such as `layers/dense/vars/0`. */
export async function archiveFiles(config: unknown, arrays: LayerArrays): Promise<Record<string, Uint8Array>> {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const weights = await hdf5((file) => {
    for (const [path, array] of Object.entries(arrays)) addArray(file, path, array);
  });
  return {
    'metadata.json': text({ keras_version: '3.8.0', date_saved: '2025-01-01@00:00:00' }),
    'config.json': text(config),
    'model.weights.h5': weights,
  };
}

/** The same as a zip archive. */
export async function archive(config: unknown, arrays: LayerArrays): Promise<Uint8Array> {
  return zipSync(await archiveFiles(config, arrays));
}

/** An array of this shape with the numbers 1, 2, 3, … divided by 8. */
export function counted(...shape: number[]): WrittenArray {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: Float32Array.from({ length: count }, (_, index) => (index + 1) / 8) };
}

/** A Sequential configuration of these layers, each `[class, config]`. */
export function sequential(...layers: readonly (readonly [className: string, config: object])[]): object {
  return {
    class_name: 'Sequential',
    config: { name: 'model', layers: layers.map(([class_name, config]) => ({ class_name, config })) },
  };
}

/** The smallest model: three inputs, a Dense layer with two outputs. */
export const DENSE = sequential(
  ['InputLayer', { name: 'input', batch_input_shape: [null, 3], dtype: 'float32' }],
  ['Dense', { name: 'dense', units: 2, activation: 'linear', use_bias: true }],
);
