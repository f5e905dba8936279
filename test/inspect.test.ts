import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../formats/onnx/read.ts';
import { inspectArchive, inspectModel } from '../src/inspect.ts';

const fixture = (path: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));
const archive = (name: string, options = {}) => inspectArchive(fixture(`v1/${name}.fqz`), options);
const model = (name: string, options = {}) => inspectModel(readOnnx(fixture(`${name}.onnx`)), options);

describe('inspect', () => {
  it('tells inputs, outputs and operators', () => {
    const { format, inputs, outputs, operators, nodes, parameters, bytes, totals } = archive('smooth-unet.quality');
    expect({ format, inputs, outputs }).toEqual({
      format: 'fqz',
      inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 1, 'H', 'W'] }],
      outputs: [{ name: 'mask', dtype: 'float32', shape: ['N', 2, 'H', 'W'] }],
    });
    expect(operators).toEqual({ Conv: 4, InstanceNormalization: 3, Relu: 3, MaxPool: 1, ConvTranspose: 1, Concat: 1 });
    expect(nodes).toBe(13);
    expect(parameters).toBe(123_200);
    expect(totals).toEqual({ bytes, graphBytes: bytes - totals.weightBytes, weightBytes: totals.weightBytes });
  });

  it('sees that a smooth weight is a narrow one drawn wide, in either format', () => {
    for (const { tensors } of [archive('smooth-unet.fp16'), model('smooth-unet')]) {
      const wide = tensors.filter(({ shape }) => shape.length === 4 && shape[0]! >= 48);
      expect(wide).toHaveLength(4);
      for (const { effectiveWidth } of wide) {
        expect(effectiveWidth).toBeGreaterThan(1);
        expect(effectiveWidth).toBeLessThanOrEqual(4);
      }
    }
    const noise = model('digits-cnn').tensors.find(({ name }) => name === 'fc1.weight')!;
    expect(noise.effectiveWidth).toBeGreaterThan(60);
  });

  it('tells how each tensor is stored', () => {
    const rows = new Map(
      archive('networks').tensors.map(({ dtype, method, support }, at) => [at, { dtype, method, support }]),
    );
    expect(rows.get(0)).toEqual({ dtype: 'float16', method: 'plain', support: [5, 4] });
    expect(rows.get(1)).toEqual({ dtype: 'float32', method: 'dct', support: [3, 4, 2] });
    expect(rows.get(2)).toEqual({ dtype: 'float64', method: 'partial dct', support: [3, 2, 4] });
    expect(rows.get(4)).toEqual({ dtype: 'float32', method: 'or,ri->oi', support: [6, 2] });
    expect(rows.get(9)!.method).toBe('exact');
    const { tensors, totals } = archive('digits-cnn.quality');
    expect(tensors.reduce((sum, { bytes }) => sum + bytes, 0)).toBeCloseTo(totals.weightBytes, 6);
    for (const { bytes, bitsPerWeight, shape } of tensors) {
      expect(bitsPerWeight).toBeCloseTo((8 * bytes) / shape.reduce((a, b) => a * b, 1), 9);
    }
  });

  it('tells the layers of a file, and which of them are there', () => {
    const whole = inspectArchive(fixture('v2/layers.4.fqz'));
    expect(whole.layers!.map(({ isPresent }) => isPresent)).toEqual([true, true, true, true]);
    expect(whole.layers!.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(whole.bytes);
    const cut = inspectArchive(fixture('v2/layers.2.fqz'));
    expect(cut.layers).toEqual(whole.layers!.map(({ bytes }, at) => ({ bytes, isPresent: at < 2 })));
    expect(archive('networks').layers).toBeUndefined();
  });

  it('gives the spectrum, whose sum is the energy', () => {
    const { tensors } = model('digits-cnn', { spectrum: true });
    const { shape, spectrum } = tensors.find(({ name }) => name === 'conv2.weight')!;
    expect(spectrum).toHaveLength(shape.reduce((sum, size) => sum + size - 1, 1));
    const { data } = readOnnx(fixture('digits-cnn.onnx')).graph.initializers.get('conv2.weight') as {
      data: Uint8Array;
    };
    const energy = new Float32Array(data.slice().buffer).reduce((sum, value) => sum + value * value, 0);
    expect(spectrum!.reduce((sum, value) => sum + value, 0)).toBeCloseTo(energy, 6);
    const stored = archive('smooth-unet.fp16', { spectrum: true }).tensors.find(({ shape: own }) => own[0] === 96)!;
    expect(stored.spectrum!.slice(0, 6).every((value) => value > 0)).toBe(true);
    expect(stored.spectrum!.slice(6).reduce((sum, value) => sum + value, 0)).toBeLessThan(1e-9);
  });

  it('tells preparation and labels', () => {
    const { preparation, labels } = archive('digits-cnn.quality');
    expect(preparation).toEqual({ scale: 255, mean: [0.1307], std: [0.3081], channels: 'rgb' });
    expect(labels).toBe(10);
    expect(archive('digits-cnn.fp16').labels).toBeUndefined();
  });

  it('looks into graphs that are stored as ONNX', () => {
    const { operators, tensors } = archive('control-flow.lossless');
    expect(operators).toEqual({ MatMul: 1, If: 1, Loop: 1 });
    expect(tensors.map(({ name }) => name)).toEqual(['weight', 'offset', 'times', 'always']);
  });
});
