/** The reference kernels of products and convolutions against onnxruntime's Conv, ConvTranspose and MatMul. */
import { describe, expect, it } from 'vitest';
import type { Attribute } from '../../../src/graph/graph.ts';
import { node } from '../../../src/graph/graph.ts';
import { toNumbers } from '../../../src/graph/numbers.ts';
import { float32Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { buildModel, runModel } from '../../support/run-model.ts';
import {
  type Convolution,
  type ConvolutionKernel,
  convolve,
  factorsOf,
  operandsOf,
  PLAIN,
  type Product,
  runProduct,
  SQUARE,
} from './product-cases.ts';
import { difference, referenceBench } from './workbench.ts';

const TOLERANCE = 1e-5;

/** What one node of this operator makes of the operands. */
async function expectedOf(op: string, operands: readonly Tensor[], attributes: Record<string, number | number[]>) {
  const names = operands.map((_, index) => `operand${index}`);
  const given = Object.entries(attributes).map(([name, value]): [string, Attribute] => [
    name,
    typeof value === 'number' ? { type: 'int', value } : { type: 'ints', value },
  ]);
  const shapes = operands.map((tensor, index) => [names[index]!, [...tensor.shape]]);
  const model = buildModel(21, Object.fromEntries(shapes), [node(op, names, ['y'], Object.fromEntries(given))], ['y']);
  const outputs = await runModel(model, new Map(operands.map((tensor, index) => [names[index]!, tensor])));
  return Float32Array.from(toNumbers(outputs.get('y')!));
}

const SMALL = { ...SQUARE, batches: 2, channels: 5, height: 9, width: 11, filters: 6 };

const CONVOLUTIONS: readonly { kernel: ConvolutionKernel; given: Convolution; end: [bottom: number, right: number] }[] =
  [
    { kernel: 'conv', given: { ...SMALL, outHeight: 9, outWidth: 11 }, end: [1, 1] },
    {
      kernel: 'conv',
      given: { ...SMALL, groups: 2, strideHeight: 2, strideWidth: 3, padTop: 0, padLeft: 2, outHeight: 4, outWidth: 4 },
      end: [0, 1],
    },
    {
      kernel: 'conv',
      given: { ...SMALL, dilationHeight: 2, dilationWidth: 3, padTop: 1, padLeft: 3, outHeight: 7, outWidth: 9 },
      end: [1, 1],
    },
    {
      kernel: 'depthwise',
      given: { ...SMALL, groups: 7, channels: 1, filters: 2, strideWidth: 2, outHeight: 9, outWidth: 6 },
      end: [1, 1],
    },
    { kernel: 'convTranspose', given: { ...SMALL, outHeight: 9, outWidth: 11 }, end: [1, 1] },
    {
      kernel: 'convTranspose',
      given: {
        ...SMALL,
        groups: 3,
        strideHeight: 2,
        strideWidth: 4,
        padTop: 1,
        padLeft: 0,
        outHeight: 18,
        outWidth: 42,
      },
      end: [0, 1],
    },
    {
      kernel: 'convTranspose',
      given: { ...SMALL, dilationHeight: 2, strideWidth: 2, padTop: 0, padLeft: 2, outHeight: 12, outWidth: 20 },
      end: [1, 1],
    },
  ];

describe('reference kernels against onnxruntime', () => {
  it.each(CONVOLUTIONS.map((entry, index) => ({ ...entry, name: `${entry.kernel} ${index}` })))(
    '$name',
    async ({ kernel, given, end }) => {
      const [x, weights, bias] = operandsOf(given);
      const { batches, groups, channels, height, width, filters, kernelHeight, kernelWidth } = given;
      const isTransposed = kernel === 'convTranspose';
      const ends = isTransposed ? [channels * groups, filters] : [groups * filters, channels];
      const operands = [
        float32Tensor([batches, groups * channels, height, width], x),
        float32Tensor([...ends, kernelHeight, kernelWidth], weights),
        float32Tensor([groups * filters], bias),
      ];
      const expected = await expectedOf(isTransposed ? 'ConvTranspose' : 'Conv', operands, {
        group: groups,
        kernel_shape: [kernelHeight, kernelWidth],
        strides: [given.strideHeight, given.strideWidth],
        dilations: [given.dilationHeight, given.dilationWidth],
        pads: [given.padTop, given.padLeft, ...end],
      });
      const actual = convolve(referenceBench(), kernel, given, x, weights, bias);
      expect(difference(actual, expected, TOLERANCE)).toBeUndefined();
    },
  );

  it.each([false, true])('matmul, packed: %s', async (isPacked) => {
    const given: Product = {
      batches: 3,
      rows: 7,
      columns: 21,
      depth: 50,
      isTransposedA: false,
      isTransposedB: false,
      isPacked,
      bias: 'none',
      epilogue: PLAIN,
    };
    const [a, b] = factorsOf(given);
    const operands = [float32Tensor([3, 7, 50], a), float32Tensor([3, 50, 21], b)];
    const expected = await expectedOf('MatMul', operands, {});
    expect(difference(runProduct(referenceBench(), given)[0]!, expected, TOLERANCE)).toBeUndefined();
  });
});
