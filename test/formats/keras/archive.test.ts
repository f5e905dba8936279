/**
 * `.keras` archives: how layers find their arrays, in each version's arrangement, and what is no whole model.
 */
import { zipSync } from 'fflate';
import type { Group } from 'h5wasm';
import { describe, expect, it } from 'vitest';
import type { KerasLayer, KerasTopology } from '../../../formats/keras/keras-model.ts';
import { unpickleArrays } from '../../../formats/keras/numpy-pickle.ts';
import { readKerasModel } from '../../../formats/keras/read.ts';
import { addArray, archive, archiveFiles, counted, DENSE, hdf5, sequential, type WrittenArray } from './keras-file.ts';

const INPUT = ['InputLayer', { name: 'input', batch_shape: [null, 3] }] as const;
const utf8 = (text: string) => new TextEncoder().encode(text);

/** An array that is told apart by its only number. */
const marked = (value: number): WrittenArray => ({ shape: [1], values: [value] });

/** The numbers of the marked arrays of each layer that has any, by path. */
function marks({ layers }: KerasTopology): Record<string, number[]> {
  const of = (layer: KerasLayer): [string, number[]][] =>
    layer.inner ? Object.entries(marks(layer.inner)) : [[layer.path, layer.weights.map(({ values }) => values[0]!)]];
  return Object.fromEntries(layers.flatMap(of).filter(([, values]) => values.length > 0));
}

const marksOf = async (config: object, arrays: Record<string, WrittenArray>) =>
  marks((await readKerasModel(await archive(config, arrays))).topology);

describe('a layer', () => {
  it('has the arrays of its group, by number', async () => {
    const numbers = Object.fromEntries(
      [10, 2, 0, 1, 11].map((number) => [`layers/dense/vars/${number}`, marked(number)]),
    );
    expect(await marksOf(DENSE, numbers)).toEqual({ 'model/dense': [0, 1, 2, 10, 11] });
  });

  it('is counted among those of its class', async () => {
    const dense = Array.from({ length: 12 }, (_, index) => ['Dense', { name: `d${index}` }] as const);
    const config = sequential(INPUT, ...dense, ['PReLU', { name: 'slope' }], ['Conv2DTranspose', { name: 'up' }]);
    const arrays = Object.fromEntries(
      dense.map((_, index) => [`layers/dense${index === 0 ? '' : `_${index}`}/vars/0`, marked(index)]),
    );
    arrays['layers/p_re_lu/vars/0'] = marked(20);
    arrays['layers/conv2d_transpose/vars/0'] = marked(21);
    const expected = dense.map(([, { name }], index) => [`model/${name}`, [index]]);
    expect(await marksOf(config, arrays)).toEqual({
      ...Object.fromEntries(expected),
      'model/slope': [20],
      'model/up': [21],
    });
  });

  it('is known by its name where the file tells it', async () => {
    const config = sequential(INPUT, ['Dense', { name: 'a' }], ['Dense', { name: 'b' }]);
    const files = await archiveFiles(config, {});
    files['model.weights.h5'] = await hdf5((file) => {
      addArray(file, 'layers/dense/vars/0', marked(1));
      addArray(file, 'layers/dense_1/vars/0', marked(2));
      (file.get('layers/dense/vars') as Group).create_attribute('name', 'b');
      (file.get('layers/dense_1/vars') as Group).create_attribute('name', 'a');
    });
    const { topology } = await readKerasModel(zipSync(files));
    expect(marks(topology)).toEqual({ 'model/a': [2], 'model/b': [1] });
  });

  it.each<[string, string, Record<string, number>, number[]]>([
    ['a recurrent layer', 'LSTM', { 'cell/vars/0': 0, 'cell/vars/1': 1, 'cell/seed_generator/vars/0': 9 }, [0, 1]],
    ['cells in a row', 'RNN', { 'cell/cells/lstm_cell/vars/0': 0, 'cell/cells/lstm_cell_1/vars/0': 1 }, [0, 1]],
    ['two directions', 'Bidirectional', { 'backward_layer/cell/vars/0': 1, 'forward_layer/cell/vars/0': 0 }, [0, 1]],
    ['a wrapper', 'TimeDistributed', { 'layer/vars/1': 1, 'layer/vars/0': 0 }, [0, 1]],
    [
      'attention',
      'MultiHeadAttention',
      { 'key_dense/vars/0': 1, 'output_dense/vars/0': 3, 'query_dense/vars/0': 0, 'value_dense/vars/0': 2 },
      [0, 1, 2, 3],
    ],
    [
      'attention with private names',
      'MultiHeadAttention',
      { '_key_dense/vars/0': 1, '_query_dense/vars/0': 0 },
      [0, 1],
    ],
    ['a layer with a generator', 'Dropout', { 'seed_generator/vars/0': 9, 'vars/0': 0 }, [0]],
  ])('has those of the layers inside it, in the order of get_weights: %s', async (_, className, places, expected) => {
    const config = sequential(INPUT, [className, { name: 'layer' }]);
    const group = {
      LSTM: 'lstm',
      RNN: 'rnn',
      MultiHeadAttention: 'multi_head_attention',
      TimeDistributed: 'time_distributed',
    };
    const stem = group[className as keyof typeof group] ?? className.toLowerCase();
    const arrays = Object.entries(places).map(([place, mark]) => [`layers/${stem}/${place}`, marked(mark)] as const);
    expect(await marksOf(config, Object.fromEntries(arrays))).toEqual({ 'model/layer': expected });
  });
});

describe('a model', () => {
  it('has its layers in a group of their own, at every depth', async () => {
    const inner = (name: string) => ({
      name,
      layers: [{ class_name: 'Dense', config: { name: 'd', batch_shape: [null, 3] } }],
    });
    const config = sequential(INPUT, ['Sequential', inner('s')], ['Sequential', inner('t')], ['Dense', { name: 'd' }]);
    const arrays = {
      'layers/sequential/layers/dense/vars/0': marked(1),
      'layers/sequential_1/layers/dense/vars/0': marked(2),
      'layers/dense/vars/0': marked(3),
    };
    expect(await marksOf(config, arrays)).toEqual({ 'model/s/d': [1], 'model/t/d': [2], 'model/d': [3] });
  });

  it.each([
    ['_layer_checkpoint_dependencies/dense/vars/0', 'as before 2.14'],
    ['_layer_checkpoint_dependencies\\dense/vars/0', 'as on Windows'],
    ['layers\\dense/vars/0', 'as on Windows later'],
  ])('may have its layers at %s, %s', async (path) => {
    expect(await marksOf(DENSE, { [path]: marked(1) })).toEqual({ 'model/dense': [1] });
  });

  it('may be a folder, and leaves out what it has not', async () => {
    const { 'metadata.json': _, ...files } = await archiveFiles(DENSE, { 'layers/dense/vars/0': counted(3, 2) });
    const model = await readKerasModel(new Map(Object.entries(files)));
    expect(model.kerasVersion).toBe('');
    expect(model.topology.layers[1]!.weights).toEqual([counted(3, 2)]);
  });
});

/**
 * `numpy.lib.format.write_array` of a dictionary, without the header: pickle protocol 4, by NumPy 2.4, of
 * `{'0': asfortranarray(arange(6, dtype=float64).reshape(2, 3)), '1': array([0.5, -1, 2], float32), '2': array(7, int64)}`.
 */
const PICKLE = Uint8Array.from(
  atob(
    'gASVmwEAAAAAAACMFm51bXB5Ll9jb3JlLm11bHRpYXJyYXmUjAxfcmVjb25zdHJ1Y3SUk5SMBW51bXB5lIwHbmRhcnJheZSTlEsAhZRDAWKUh5RSlChLASlo' +
      'A4wFZHR5cGWUk5SMAk84lImIh5RSlChLA4wBfJROTk5K/////0r/////Sz90lGKJXZR9lCiMATCUaAJoBUsAhZRoB4eUUpQoSwFLAksDhpRoC4wCZjiUiYiH' +
      'lFKUKEsDjAE8lE5OTkr/////Sv////9LAHSUYohDMAAAAAAAAAAAAAAAAAAACEAAAAAAAADwPwAAAAAAABBAAAAAAAAAAEAAAAAAAAAUQJR0lGKMATGUaAJo' +
      'BUsAhZRoB4eUUpQoSwFLA4WUaAuMAmY0lImIh5RSlChLA2gbTk5OSv////9K/////0sAdJRiiUMMAAAAPwAAgL8AAABAlHSUYowBMpRoAmgFSwCFlGgHh5RS' +
      'lChLASloC4wCaTiUiYiHlFKUKEsDaBtOTk5K/////0r/////SwB0lGKJQwgHAAAAAAAAAJR0lGJ1YXSUYi4=',
  ),
  (character) => character.charCodeAt(0),
);

/** The same with protocol 3 and the names of NumPy 1. */
const OLD_PICKLE = Uint8Array.from(
  atob(
    'gANjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAGNudW1weQpuZGFycmF5CnEBSwCFcQJDAWJxA4dxBFJxBShLASljbnVtcHkKZHR5cGUK' +
      'cQZYAgAAAE84cQeJiIdxCFJxCShLA1gBAAAAfHEKTk5OSv////9K/////0s/dHELYoldcQx9cQ0oWAEAAAAwcQ5oAGgBSwCFcQ9oA4dxEFJxEShLAUsCSwOG' +
      'cRJoBlgCAAAAZjhxE4mIh3EUUnEVKEsDWAEAAAA8cRZOTk5K/////0r/////SwB0cRdiiEMwAAAAAAAAAAAAAAAAAAAIQAAAAAAAAPA/AAAAAAAAEEAAAAAA' +
      'AAAAQAAAAAAAABRAcRh0cRliWAEAAAAxcRpoAGgBSwCFcRtoA4dxHFJxHShLAUsDhXEeaAZYAgAAAGY0cR+JiIdxIFJxIShLA2gWTk5OSv////9K/////0sA' +
      'dHEiYolDDAAAAD8AAIC/AAAAQHEjdHEkYlgBAAAAMnElaABoAUsAhXEmaAOHcSdScSgoSwEpaAZYAgAAAGk4cSmJiIdxKlJxKyhLA2gWTk5OSv////9K////' +
      '/0sAdHEsYolDCAcAAAAAAAAAcS10cS5idWF0cS9iLg==',
  ),
  (character) => character.charCodeAt(0),
);

/** An .npy array of Python objects. */
function objects(pickle: Uint8Array): Uint8Array {
  const header = `${"{'descr': '|O', 'fortran_order': False, 'shape': (), }".padEnd(117)}\n`;
  return Uint8Array.from([0x93, ...utf8('NUMPY'), 1, 0, header.length, 0, ...utf8(header), ...pickle]);
}

describe('arrays in model.weights.npz', () => {
  const withNpz = async (entries: Record<string, Uint8Array>) => {
    const { 'model.weights.h5': _, ...files } = await archiveFiles(DENSE, {});
    return readKerasModel(zipSync({ ...files, 'model.weights.npz': zipSync(entries) }));
  };

  it.each([
    ['NumPy 2', PICKLE],
    ['NumPy 1', OLD_PICKLE],
  ])('are read as %s pickles them', async (_, pickle) => {
    const { topology } = await withNpz({ 'layers/dense.npy': objects(pickle), '__root__.npy': objects(pickle) });
    expect(topology.layers[1]!.weights).toEqual([
      { shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) },
      { shape: [3], values: Float32Array.of(0.5, -1, 2) },
      { shape: [], values: Float32Array.of(7) },
    ]);
  });

  const harmful = utf8("cos\nsystem\n(S'ls'\ntR.");
  it.each<[string, Uint8Array, RegExp]>([
    ['anything but arrays', objects(Uint8Array.from([0x80, 4, 0x7d, 0x2e])), /holds no dictionary of arrays$/],
    ['a program', objects(harmful), /has the instruction 83, which arrays do not need$/],
    ['a cut pickle', objects(PICKLE.slice(0, 200)), /is cut or damaged$/],
    ['no objects', utf8('something else\n'), /is no array of objects$/],
  ])('are refused: %s', async (_, entry, message) => {
    await expect(withNpz({ 'layers/dense.npy': entry })).rejects.toThrow(message);
  });

  it('that are damaged give one line or other numbers', () => {
    let refused = 0;
    for (let bit = 0; bit < PICKLE.length * 8; bit++) {
      const damaged = PICKLE.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      try {
        unpickleArrays(damaged, 'a pickle');
      } catch (error) {
        expect((error as Error).message).toMatch(/^Keras: a pickle[^\n]+$/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});

describe('what is no whole model', () => {
  const zip = (...names: string[]) => zipSync(Object.fromEntries(names.map((name) => [name, utf8('{}')])));
  it.each<[string, Uint8Array, string]>([
    ['an npz file', zip('kernel.npy', 'bias.npy'), 'an .npz file with arrays only, the architecture is missing'],
    [
      'a SavedModel',
      zip('m/saved_model.pb', 'm/variables/variables.index'),
      'a TensorFlow SavedModel, which holds no layers',
    ],
    ['TensorFlow.js', zip('model.json', 'weights.bin'), 'a TensorFlow.js model: tensorflowjs_converter'],
    ['PyTorch', zip('archive/data.pkl', 'archive/version'), 'a PyTorch model: torch.onnx.export'],
    ['weights alone', zip('metadata.json', 'model.weights.h5'), 'no config.json: the architecture is missing'],
    ['no weights', zip('metadata.json', 'config.json'), 'neither model.weights.h5 nor model.weights.npz'],
    ['something else', zip('photo.jpg'), 'a zip archive without config.json, so no Keras model'],
    ['a bad configuration', zip('config.json', 'model.weights.h5'), 'the model has no class_name'],
    ['no version', zip('metadata.json', 'config.json', 'model.weights.h5'), 'metadata.json has no keras_version'],
  ])('is refused: %s', async (_, bytes, message) => {
    await expect(readKerasModel(bytes)).rejects.toThrow(message);
  });

  it('is refused as a folder too', async () => {
    const folder = new Map([['saved_model.pb', new Uint8Array()]]);
    await expect(readKerasModel(folder)).rejects.toThrow('a folder with a TensorFlow SavedModel');
    await expect(readKerasModel(new Map())).rejects.toThrow('a folder without config.json, so no Keras model');
  });

  it('is refused where an entry declares more than its bytes can give', async () => {
    const bytes = await archive(DENSE, { 'layers/dense/vars/0': counted(3, 2) });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // The uncompressed size in the directory (PK\x01\x02) at the archive's end.
    const directory = Array.from(bytes.keys()).find(
      (at) => at + 4 < bytes.length && view.getUint32(at, true) === 0x02014b50,
    )!;
    view.setUint32(directory + 24, 0x7fffffff, true);
    await expect(readKerasModel(bytes)).rejects.toThrow(/cut or damaged \(metadata\.json declares 2147483647 bytes\)$/);
  });
});
