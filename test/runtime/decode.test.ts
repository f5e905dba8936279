import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeFqz } from '../../formats/fqz/write.ts';
import { decodeFqz, FormatError, isFqz, UnsupportedError } from '../../runtime/full.ts';
import { dctNetwork } from '../../src/codec/network.ts';
import { convert } from '../../src/convert.ts';
import { emptyGraph, modelOf, node } from '../../src/graph/graph.ts';
import { fromFloats, toFloat32 } from '../../src/graph/numbers.ts';
import { TARGET_OPSET } from '../../src/graph/op-table.ts';
import { float32Tensor, int64Tensor, numericTensor } from '../../src/graph/tensor.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { smallModel } from '../support/small-model.ts';

describe('decodeFqz', () => {
  let bytes: Uint8Array;
  beforeAll(async () => {
    ({ bytes } = await convert(smallModel(), {
      precision: 'fp16',
      preparation: { scale: 255, mean: [0.5], std: [0.25], channels: 'bgr' },
      labels: ['background', 'foreground'],
      keepNames: true,
    }));
  });

  it('gives the graph, the preparation and the labels', () => {
    expect(isFqz(bytes)).toBe(true);
    const model = decodeFqz(bytes);
    const { inputs, outputs, nodes } = model.graph();
    expect(inputs).toEqual([{ name: 'image', dtype: 'float32', shape: [1, 3, 'H', 'W'] }]);
    expect(outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: [1, 2, 'H', 'W'] }]);
    expect(nodes.map(({ op }) => op)).toEqual(['Conv', 'Relu', 'Conv', 'Relu', 'Conv']);
    expect(model.preparation).toEqual({ scale: 255, mean: [0.5], std: [0.25], channels: 'bgr' });
    expect(model.labels).toEqual(['background', 'foreground']);
  });

  it('rebuilds the weights that were converted', () => {
    const model = decodeFqz(bytes);
    const { initializers } = smallModel().graph;
    expect([...model.weights.keys()].sort()).toEqual([...initializers.keys()].sort());
    for (const [name, tensor] of initializers) {
      const [weight, original] = [model.weight(name), toFloat32(tensor)];
      const norm = Math.hypot(...original);
      expect(Math.hypot(...original.map((value, at) => value - weight[at]!)), name).toBeLessThan(2e-3 * norm);
    }
    const network = model.weights.get('conv1.weight')!;
    expect('network' in network && network.network.expression).toBe('abcd,ao,bi,cu,dv->oiuv');
  });

  it('gives exact tensors of every float type as float32, and refuses other types by name', () => {
    const values = [0, -1.5, 2 ** -24, 65504, Number.POSITIVE_INFINITY];
    const wide = Float64Array.from(values);
    const tensors = new Map([
      ['float32', float32Tensor([5], Float32Array.from(values))],
      ['float16', fromFloats('float16', [5], values)],
      ['bfloat16', fromFloats('bfloat16', [5], values)],
      ['float64', numericTensor('float64', [5], new Uint8Array(wide.buffer))],
      ['int64', int64Tensor([1, 2])],
    ]);
    const graph = emptyGraph('exact');
    graph.nodes = [...tensors.keys()].map((name) => node('Identity', [name], [`${name} out`]));
    graph.outputs = [...tensors].map(([name, { dtype, shape }]) => ({
      name: `${name} out`,
      type: { kind: 'tensor', dtype, shape: [...shape] },
    }));
    const weights = [...tensors].map(([name, tensor]) => ({ name, tensor }));
    const written = writeFqz(
      { graph: { kind: 'compact', model: modelOf(graph, TARGET_OPSET, 10) }, weights },
      { keepNames: true },
    );
    const model = decodeFqz(written.bytes);
    for (const name of ['float32', 'float16', 'float64']) expect([...model.weight(name)], name).toEqual(values);
    // bfloat16 has 8 bits: 65504 is rounded to 65536.
    expect([...model.weight('bfloat16')]).toEqual(values.map((value) => (value === 65504 ? 65536 : value)));
    expect(() => model.weight('int64')).toThrow(
      new TypeError('weight "int64" is of type int64: take its tensor from weights'),
    );
    expect(() => model.weight('none')).toThrow(TypeError);
  });

  it('decodes the weights of a graph that is stored as ONNX, and refuses the graph', async () => {
    const model = smallModel();
    model.opsets.set('org.example', 1);
    model.graph.nodes[1] = { ...model.graph.nodes[1]!, op: 'Strange', domain: 'org.example' };
    const converted = await convert(model, { precision: 'lossless' });
    expect(converted.report.storedAsOnnx).toBeDefined();
    const decoded = decodeFqz(converted.bytes);
    const original = smallModel().graph.initializers.get('conv1.weight')!;
    expect(decoded.weight('conv1.weight')).toEqual(toFloat32(original));
    expect(() => decoded.graph()).toThrow(UnsupportedError);
    expect(() => decoded.graph()).toThrow('fqz/ort');
  });

  it('refuses damaged bytes', () => {
    const damaged = bytes.slice();
    damaged[bytes.length >> 1]! ^= 1;
    expect(() => decodeFqz(damaged)).toThrow(FormatError);
    expect(() => decodeFqz(bytes.subarray(0, -1))).toThrow(FormatError);
    expect(() => decodeFqz(new Uint8Array())).toThrow(FormatError);
  });
});

const COEFFICIENTS = 'models/unet-759/coefficients.json';

describe.skipIf(!hasShared(COEFFICIENTS))('on the published UNet (skipped without the shared models)', () => {
  it('rebuilds weights as the defining sum of cosines over the published coefficients does', () => {
    interface Layer {
      name: string;
      shape: number[];
      index: number[][];
      value: number[];
    }
    const { layers }: { layers: Layer[] } = JSON.parse(readFileSync(sharedPath(COEFFICIENTS), 'utf8'));
    const small = layers.filter(({ shape }) => shape.reduce((a, b) => a * b) < 40_000);
    expect(small.length).toBeGreaterThanOrEqual(4);
    const graph = emptyGraph('weights');
    graph.nodes = small.map(({ name }) => node('Identity', [name], [`${name} out`]));
    graph.outputs = small.map(({ name, shape }) => ({
      name: `${name} out`,
      type: { kind: 'tensor', dtype: 'float32', shape },
    }));
    const weights = small.map(({ name, shape, index, value }) => {
      const box = shape.map((_, axis) => 1 + Math.max(...index.map((place) => place[axis]!)));
      const values = new Float32Array(box.reduce((a, b) => a * b));
      index.forEach((place, at) => {
        values[place.reduce((offset, k, axis) => offset * box[axis]! + k, 0)] = value[at]!;
      });
      const core = { kind: 'float', shape: box, values, precision: 'float32' } as const;
      return { name, dtype: 'float32', shape, network: dctNetwork(core, shape, [0, 1, 2, 3]) } as const;
    });
    const written = writeFqz(
      { graph: { kind: 'compact', model: modelOf(graph, TARGET_OPSET, 10) }, weights },
      { keepNames: true },
    );

    const model = decodeFqz(written.bytes);
    const cosine = (k: number, x: number, n: number) =>
      Math.sqrt((k === 0 ? 1 : 2) / n) * Math.cos((Math.PI * (2 * x + 1) * k) / (2 * n));
    for (const { name, shape, index, value } of small) {
      const rebuilt = model.weight(name);
      const [, n1, n2, n3] = shape as [number, number, number, number];
      for (let at = 0; at < rebuilt.length; at += 97) {
        const position = [
          Math.floor(at / (n1 * n2 * n3)),
          Math.floor(at / (n2 * n3)) % n1,
          Math.floor(at / n3) % n2,
          at % n3,
        ];
        const expected = index.reduce(
          (sum, place, c) =>
            sum + place.reduce((product, k, axis) => product * cosine(k, position[axis]!, shape[axis]!), value[c]!),
          0,
        );
        expect(Math.abs(rebuilt[at]! - expected)).toBeLessThanOrEqual(2e-7 * Math.max(...value.map(Math.abs)));
      }
    }
  });
});
