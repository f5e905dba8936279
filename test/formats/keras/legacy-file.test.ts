/**
 * Whole models in HDF5: the forms that the attributes have had, nested models, and what changed since Keras 1.
 */
import type { File } from 'h5wasm';
import { describe, expect, it } from 'vitest';
import type { KerasArray, KerasLayer, KerasModel } from '../../../formats/keras/keras-model.ts';
import { readKeras, readKerasModel } from '../../../formats/keras/read.ts';
import { toNumbers } from '../../../src/graph/numbers.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { normal } from '../../support/random.ts';
import { runModel } from '../../support/run-model.ts';
import { counted, DENSE, hdf5, type LayerArrays, legacyFile, sequential, type WrittenArray } from './keras-file.ts';
import { expectClose, layers, tf } from './tfjs-case.ts';

const KERNEL = counted(3, 2);
const BIAS = counted(2);
const WEIGHTS = { dense: { 'dense/kernel:0': KERNEL, 'dense/bias:0': BIAS } };

const layerNamed = ({ topology }: KerasModel, name: string): KerasLayer =>
  topology.layers.find((layer) => layer.name === name)!;

const plain = ({ shape, values }: KerasArray | WrittenArray) => ({ shape, values: Array.from(values) });

describe('a file of one layer', () => {
  const expectDense = (model: KerasModel) => {
    expect(model.topology.inputs).toEqual([{ layer: 'input', call: 0, tensor: 0 }]);
    expect(layerNamed(model, 'dense').weights.map(plain)).toEqual([KERNEL, BIAS].map(plain));
  };

  it('is read', async () => {
    const model = await readKerasModel(await legacyFile(DENSE, WEIGHTS));
    expect(model.kerasVersion).toBe('2.15.0');
    expectDense(model);
  });

  it('is read with lists of names in pieces', async () => {
    const layersInPieces = { input: {}, ...WEIGHTS, more: {} };
    expectDense(await readKerasModel(await legacyFile(DENSE, layersInPieces, { pieces: 1 })));
  });

  it('is read with texts of fixed length, and without a version', async () => {
    const config = JSON.stringify(DENSE);
    const bytes = await hdf5((file) => {
      file.create_attribute('model_config', config, [], `S${config.length}`);
      const weights = file.create_group('model_weights');
      weights.create_attribute('layer_names', ['input', 'dense'], [2], 'S5');
      weights.create_group('input').create_attribute('weight_names', new Float64Array(0), [0]);
      const group = weights.create_group('dense');
      group.create_attribute('weight_names', ['kernel', 'bias'], [2], 'S6');
      group.create_dataset({ name: 'kernel', data: Float32Array.from(KERNEL.values), shape: [3, 2] });
      group.create_dataset({ name: 'bias', data: Float32Array.from(BIAS.values), shape: [2] });
    });
    const model = await readKerasModel(bytes);
    expect(model.kerasVersion).toBe('');
    expectDense(model);
  });
});

describe('what is no whole model', () => {
  const group =
    (...names: string[]) =>
    (file: File) => {
      for (const name of names) file.create_group(name);
    };
  it.each<[string, (file: File) => void, string]>([
    [
      'weights of Keras 2',
      (file) => file.create_attribute('layer_names', ['dense']),
      'weights only, the architecture is',
    ],
    ['weights of Keras 3', group('layers', 'vars'), '(.weights.h5), the architecture is missing'],
    ['something else', group('results'), 'without the attribute model_config, so no Keras model'],
    ['no weights', (file) => file.create_attribute('model_config', JSON.stringify(DENSE)), 'no group model_weights'],
    ['no JSON', (file) => file.create_attribute('model_config', '{"class_name'), 'model_config is not JSON'],
    ['no object', (file) => file.create_attribute('model_config', '[]'), 'model_config is not a JSON object'],
  ])('is refused: %s', async (_, fill, message) => {
    await expect(readKerasModel(await hdf5(fill))).rejects.toThrow(message);
  });

  it('is refused: a group that does not say what is in it', async () => {
    const bytes = await hdf5((file) => {
      file.create_attribute('model_config', JSON.stringify(DENSE));
      file.create_group('model_weights').create_group('dense');
    });
    await expect(readKerasModel(bytes)).rejects.toThrow('does not list its weight_names');
  });

  it('is refused: an array that is listed and not there', async () => {
    const bytes = await hdf5((file) => {
      file.create_attribute('model_config', JSON.stringify(DENSE));
      file.create_group('model_weights').create_group('dense').create_attribute('weight_names', ['dense/kernel:0']);
    });
    await expect(readKerasModel(bytes)).rejects.toThrow('no array model_weights/dense/dense/kernel:0');
  });
});

describe('a model within a model', () => {
  /** As Keras writes it: one group for each layer of the outermost model, and the arrays within by their names. */
  function fileOf(model: layers.LayersModel): Promise<Uint8Array> {
    const groups = model.layers.map((layer): [string, LayerArrays] => {
      const weights = layer.weights.map(({ originalName }, index): [string, WrittenArray] => {
        const array = layer.getWeights()[index]!;
        return [`${originalName}:0`, { shape: array.shape, values: array.dataSync() }];
      });
      return [layer.name, Object.fromEntries(weights)];
    });
    const config = model.toJSON(null, false) as unknown as { config: { name: string } };
    return legacyFile(
      { class_name: 'Model', config: { ...config.config, name: 'siamese' } },
      Object.fromEntries(groups),
    );
  }

  it('computes what TensorFlow.js computes, when it is called twice and has moving averages', async () => {
    const picture = layers.input({ shape: [8, 8, 3] });
    const conv = layers.layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', name: 'conv' });
    const norm = layers.layers.batchNormalization({ name: 'norm' });
    const inner = layers.model({
      inputs: picture,
      outputs: norm.apply(conv.apply(picture)) as layers.SymbolicTensor,
      name: 'inner',
    });
    const head = layers.sequential({
      name: 'head',
      layers: [
        layers.layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [8, 8, 4], name: 'conv_of_head' }),
        layers.layers.batchNormalization({ name: 'norm_of_head' }),
        layers.layers.flatten({ name: 'flatten' }),
      ],
    });
    const [left, right] = ['left', 'right'].map((name) => layers.input({ shape: [8, 8, 3], name }));
    const [a, b] = [left!, right!].map((side) => head.apply(inner.apply(side)) as layers.SymbolicTensor);
    const concatenate = layers.layers.concatenate({ name: 'both' }).apply([a!, b!]) as layers.SymbolicTensor;
    const dense = layers.layers.dense({ units: 3, name: 'dense' }).apply(concatenate) as layers.SymbolicTensor;
    const theirs = layers.model({ inputs: [left!, right!], outputs: dense });
    const next = normal(5);
    for (const layer of theirs.layers) {
      layer.setWeights(
        layer.weights.map(({ originalName, shape }) => {
          const tensor = tf.tensor(
            Float32Array.from({ length: shape.reduce<number>((n, size) => n * size!, 1) }, next),
          );
          const values = originalName.includes('variance') ? tf.abs(tensor) : tensor;
          return tf.reshape(values, shape as number[]);
        }),
      );
    }

    const ours = await readKeras(await fileOf(theirs));
    const pictures = [0, 1].map(() => Float32Array.from({ length: 2 * 8 * 8 * 3 }, next));
    const feeds = ours.graph.inputs.map(({ name }, at) => [name, float32Tensor([2, 8, 8, 3], pictures[at]!)] as const);
    const [result] = (await runModel(ours, new Map(feeds))).values();
    const expected = theirs.predict(pictures.map((data) => tf.tensor(data, [2, 8, 8, 3]))) as tf.Tensor;
    expect(result!.shape).toEqual([2, 3]);
    expectClose(toNumbers(result!), expected.dataSync());
  });

  const nested = (...names: string[]) =>
    sequential(
      ['InputLayer', { name: 'input', batch_input_shape: [null, 2] }],
      [
        'Sequential',
        {
          name: 'inner',
          layers: names.map((name) => ({
            class_name: 'Dense',
            config: { name, units: 2, batch_input_shape: [null, 2] },
          })),
        },
      ],
    );

  it.each<[string, Record<string, string>]>([
    ['plain', { 'dense/kernel:0': 'dense', 'dense_1/kernel:0': 'dense_1' }],
    ['in another order', { 'dense_1/kernel:0': 'dense_1', 'dense/kernel:0': 'dense' }],
    ['of a model loaded twice', { 'dense_1_1/kernel:0': 'dense_1', 'dense_2_1/kernel:0': 'dense_2' }],
    ['below the model', { 'inner/dense/kernel:0': 'dense', 'inner/dense_1/kernel:0': 'dense_1' }],
    ['of Keras 1', { dense_1_W: 'dense_1', dense_10_W: 'dense_10' }],
  ])('has its arrays by their names: %s', async (_, owners) => {
    const arrays = Object.keys(owners).map((name, index) => [name, { shape: [1], values: [index] }] as const);
    const config = nested(...Object.values(owners).sort());
    const model = await readKerasModel(await legacyFile(config, { input: {}, inner: Object.fromEntries(arrays) }));
    const { layers: inside } = layerNamed(model, 'inner').inner!;
    for (const [name, { values }] of arrays) {
      const owner = inside.find((layer) => layer.name === owners[name])!;
      expect(owner.weights.map(plain), name).toEqual([{ shape: [1], values }]);
    }
  });

  it('is refused where a name fits no layer', async () => {
    const file = legacyFile(nested('dense'), { inner: { 'conv/kernel:0': counted(1) } });
    await expect(readKerasModel(await file)).rejects.toThrow(
      'no layer of the model "inner" fits the array conv/kernel:0',
    );
  });
});

describe('Keras 1', () => {
  const read = async (className: string, config: object, arrays: readonly WrittenArray[]) => {
    const input = { class_name: 'InputLayer', config: { name: 'input', batch_input_shape: [null, 4, 4, 3] } };
    const list = [input, { class_name: className, config: { name: 'layer', ...config } }];
    const weights = { layer: Object.fromEntries(arrays.map((array, index) => [`layer_${index}`, array])) };
    const bytes = await legacyFile({ class_name: 'Sequential', config: list }, weights, { kerasVersion: '1.2.2' });
    return layerNamed(await readKerasModel(bytes), 'layer');
  };

  it.each<[string, object, string, object]>([
    ['Dense', { output_dim: 7, bias: false }, 'Dense', { units: 7, use_bias: false }],
    [
      'Convolution2D',
      { nb_filter: 8, nb_row: 3, nb_col: 5, border_mode: 'same', subsample: [2, 1], dim_ordering: 'tf' },
      'Conv2D',
      { filters: 8, kernel_size: [3, 5], padding: 'same', strides: [2, 1], data_format: 'channels_last' },
    ],
    ['AtrousConvolution2D', { atrous_rate: [2, 2] }, 'Conv2D', { dilation_rate: [2, 2] }],
    [
      'MaxPooling2D',
      { border_mode: 'valid', dim_ordering: 'th' },
      'MaxPooling2D',
      { padding: 'valid', data_format: 'channels_first' },
    ],
    ['MaxPooling1D', { pool_length: 2, stride: 3 }, 'MaxPooling1D', { pool_size: 2, strides: 3 }],
    ['UpSampling1D', { length: 3 }, 'UpSampling1D', { size: 3 }],
    [
      'LSTM',
      { output_dim: 4, inner_activation: 'hard_sigmoid' },
      'LSTM',
      { units: 4, recurrent_activation: 'hard_sigmoid' },
    ],
    ['Embedding', { input_dim: 9, output_dim: 2 }, 'Embedding', { input_dim: 9, output_dim: 2 }],
    ['Merge', { mode: 'concat', concat_axis: -1 }, 'Concatenate', { axis: -1 }],
    ['Merge', { mode: 'cos', dot_axes: 1 }, 'Dot', { axes: 1, normalize: true }],
  ])('%s %j is called %s', async (className, config, newName, newConfig) => {
    const layer = await read(className, config, []);
    expect(layer.className).toBe(newName);
    expect(layer.config).toMatchObject(newConfig);
  });

  it('layers inside a wrapper are renamed too', async () => {
    const inside = { class_name: 'Dense', config: { name: 'inside', output_dim: 7 } };
    const layer = await read('TimeDistributed', { layer: inside }, []);
    expect(layer.config.layer).toMatchObject({ config: { units: 7 } });
  });

  it.each([
    ['BatchNormalization', { mode: 2 }, 'has mode 2'],
    ['Merge', { mode: 'lambda' }, 'has the mode lambda'],
    ['Merge', { mode: 'sum', layers: [] }, 'begins a Sequential model with several models'],
  ])('%s %j is refused', async (className, config, message) => {
    await expect(read(className, config, [])).rejects.toThrow(message);
  });

  it('kernels with the channels first become HWIO', async () => {
    const layer = await read('Convolution2D', { nb_filter: 2, nb_row: 3, nb_col: 4, dim_ordering: 'th' }, [
      counted(2, 5, 3, 4),
    ]);
    const [kernel] = layer.weights;
    expect(kernel!.shape).toEqual([3, 4, 5, 2]);
    // (o, i, u, v) = (1, 2, 1, 3)
    expect(kernel!.values[((1 * 4 + 3) * 5 + 2) * 2 + 1]).toBe((((1 * 5 + 2) * 3 + 1) * 4 + 3 + 1) / 8);
  });

  it('kernels of sequences lose the axis that they had too many', async () => {
    const [kernel] = (await read('Convolution1D', { nb_filter: 5, filter_length: 3 }, [counted(3, 1, 2, 5)])).weights;
    expect(plain(kernel!)).toEqual(plain(counted(3, 2, 5)));
  });

  it('gates of an LSTM are put together in the new order', async () => {
    const gate = (value: number) => [[value, value], [10 + value, 10 + value], [20 + value]];
    // Keras 1 lists the gates as input, cell, forget, output.
    const arrays = [1, 2, 3, 4].flatMap((value) =>
      gate(value).map((values): WrittenArray => ({ shape: values.length > 1 ? [2, 1] : [1], values })),
    );
    const layer = await read('LSTM', { output_dim: 1 }, arrays);
    expect(layer.weights.map(plain)).toEqual([
      { shape: [2, 4], values: [1, 3, 2, 4, 1, 3, 2, 4] },
      { shape: [2, 4], values: [11, 13, 12, 14, 11, 13, 12, 14] },
      { shape: [4], values: [21, 23, 22, 24] },
    ]);
  });
});

it('kernels of the Theano backend are turned around', async () => {
  const config = sequential(
    ['InputLayer', { name: 'input', batch_input_shape: [null, 4, 4, 1] }],
    ['Conv2D', { name: 'conv', filters: 1, kernel_size: [2, 2] }],
  );
  const weights = { conv: { 'conv/kernel': { shape: [2, 2, 1, 1], values: [1, 2, 3, 4] }, 'conv/bias': counted(1) } };
  const model = await readKerasModel(await legacyFile(config, weights, { kerasVersion: '2.0.8', backend: 'theano' }));
  const [kernel, bias] = layerNamed(model, 'conv').weights;
  expect(plain(kernel!)).toEqual({ shape: [2, 2, 1, 1], values: [4, 3, 2, 1] });
  expect(plain(bias!)).toEqual(plain(counted(1)));
});
