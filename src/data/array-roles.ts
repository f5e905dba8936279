/**
 * Which array of an .npz file is which input, expected output or the labels of a model.
 */
import { FormatError } from '../errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { TensorInfo } from '../onnxruntime.ts';
import type { ArrayDataset } from './dataset.ts';

export interface ArrayRoles {
  /** By name of the model's input; complete. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** By name of the model's output; empty where the file has none. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Class indices (N) or (N, 1). */
  readonly labels?: Tensor;
}

/**
 * An array named as an input or output of the model is just that. Otherwise `in…`, `input…` and `x…` are inputs by
 * position (`x` or `x0` the first, `x1` the second, …), `out…` and `output…` outputs; `labels`, `label` and `y` are
 * class indices. Throws `FormatError` for an array that is none of these and for an input without an array.
 */
export function assignArrays(
  { arrays, name }: ArrayDataset,
  model: { inputs: readonly TensorInfo[]; outputs: readonly TensorInfo[] },
): ArrayRoles {
  const inputs = new Map<string, Tensor>();
  const outputs = new Map<string, Tensor>();
  let labels: Tensor | undefined;
  for (const [array, tensor] of arrays) {
    const input = byNameOrPosition(array, model.inputs, /^(?:in|input|x)_?(\d*)$/i);
    const output = byNameOrPosition(array, model.outputs, /^(?:out|output)_?(\d*)$/i);
    if (input !== undefined) inputs.set(input, tensor);
    else if (output !== undefined) outputs.set(output, tensor);
    else if (/^(labels?|y)$/i.test(array)) labels = tensor;
    else throw new FormatError('npz', `${name} has an array ${array} that is no input, output or labels of the model`);
  }
  const missing = model.inputs.find((input) => !inputs.has(input.name));
  if (missing) throw new FormatError('npz', `${name} has no array for the model's input ${missing.name}`);
  return { inputs, outputs, ...(labels && { labels }) };
}

function byNameOrPosition(array: string, values: readonly TensorInfo[], pattern: RegExp): string | undefined {
  if (values.some((value) => value.name === array)) return array;
  const match = pattern.exec(array);
  return match ? values[Number(match[1] || 0)]?.name : undefined;
}
