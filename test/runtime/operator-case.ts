/**
 * One operator in this runtime and in onnxruntime.
 */
import { expect } from 'vitest';
import { openFqz } from '../../formats/fqz/read.ts';
import { type ElementType, elementsOf } from '../../runtime/elements.ts';
import type { EngineTensor } from '../../runtime/engine.ts';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { furtherKernels } from '../../runtime/js/rare/further-kernels.ts';
import { createEngine } from '../../runtime/linear-engine.ts';
import { type Machine, wasmMachine } from '../../runtime/machine.ts';
import { ALL_OPERATORS } from '../../runtime/operators/all.ts';
import { convert } from '../../src/convert.ts';
import { type Attribute, type Model, node } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor, type NumericTensor, numericTensor, type Tensor } from '../../src/graph/tensor.ts';
import { normal } from '../support/random.ts';
import { buildModel, copyOf, largestDifference, runModel } from '../support/run-model.ts';

const next = normal(5);

export function floats(...shape: number[]): NumericTensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return float32Tensor(shape, Float32Array.from({ length: count }, next));
}

export const positive = (...shape: number[]): NumericTensor => {
  const { data } = floats(...shape);
  return float32Tensor(shape, new Float32Array(data.buffer as ArrayBuffer).map(Math.abs));
};
export const integers = (...values: number[]) => int64Tensor(values);
export const matrix = (rows: number, ...values: number[]) => int64Tensor(values, [rows, values.length / rows]);
export const scalar = (value: number) => float32Tensor([], Float32Array.of(value));
export const bytes = (dtype: 'uint8' | 'int8' | 'bool', ...values: number[]) =>
  numericTensor(dtype, [values.length], Uint8Array.from(values));
export const int = (value: number): Attribute => ({ type: 'int', value });
export const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
export const float = (value: number): Attribute => ({ type: 'float', value });
export const text = (value: string): Attribute => ({ type: 'string', value });

/** Operator, what is particular, inputs (constants but for those that are fed), attributes, and the number of outputs. */
export type Case = [
  op: string,
  what: string,
  inputs: (Tensor | null)[],
  attributes?: Record<string, Attribute>,
  outputs?: number,
];

/** A machine of every backend. */
export async function openMachines(): Promise<Machine[]> {
  return [referenceMachine(), await wasmMachine({ relaxed: false, further: furtherKernels })];
}

/** Expects of every machine what onnxruntime gives for the case; the first `fed` inputs are no constants. */
export async function expectOperator(machines: readonly Machine[], of: Case, fed = 1): Promise<void> {
  const [op, , inputs, attributes = {}, count = 1] = of;
  const names = inputs.map((tensor, at) => (tensor ? `x${at}` : ''));
  const outputs = Array.from({ length: count }, (_, at) => `y${at}`);
  const given = inputs.flatMap((tensor, at) => (tensor ? [[names[at]!, tensor] as const] : []));
  const only = node(op, names, outputs, attributes);
  const model = buildModel(21, {}, [only], outputs, Object.fromEntries(given.slice(fed)));
  await expectModel(machines, model, new Map(given.slice(0, fed)));
}

/** Expects of every machine what onnxruntime gives for the model, whose inputs are those of `feeds`; returns the kernels of a run. */
export async function expectModel(
  machines: readonly Machine[],
  model: Model,
  feeds: ReadonlyMap<string, Tensor>,
): Promise<string[]> {
  model.graph.inputs = [...feeds].map(([name, { dtype, shape }]) => {
    return { name, type: { kind: 'tensor', dtype, shape: [...shape] } };
  });
  const expected = await runModel(copyOf(model), feeds);
  model.graph.outputs = [...expected].map(([name, { dtype, shape }]) => {
    return { name, type: { kind: 'tensor', dtype, shape: [...shape] } };
  });
  const { bytes: file, report } = await convert(model, { precision: 'lossless', keepNames: true });
  expect(report.storedAsOnnx).toBeUndefined();
  const given = new Map([...feeds].map(([name, tensor]) => [name, engineTensor(tensor)]));
  let kernels: string[] = [];
  for (const machine of machines) {
    const engine = createEngine(openFqz(file), machine, { operators: ALL_OPERATORS });
    const results = engine.run(given);
    kernels = engine.plan!.steps.map(({ kernel }) => kernel);
    const tensors = [...results].map(([name, { dtype, shape, data }]): [string, Tensor] => {
      return [name, numericTensor(dtype, shape, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
    });
    expect(largestDifference(expected, new Map(tensors)), machine.backend).toBeLessThan(1e-5);
  }
  return kernels;
}

function engineTensor(tensor: Tensor): EngineTensor {
  return { dtype: tensor.dtype as ElementType, shape: tensor.shape, data: elementsOf(tensor as NumericTensor) };
}
