/**
 * What a file holds: inputs, outputs, operators, and for each weight how it is stored and how wide it really is.
 */
import { readFqz } from '../formats/fqz/read.ts';
import type { Archive, StoredWeight } from './codec/archive.ts';
import { dct } from './codec/dct.ts';
import { parseExpression } from './codec/einsum.ts';
import { expandNetwork } from './codec/expand.ts';
import { coefficientCount, cosineAxes, type TensorNetwork } from './codec/network.ts';
import { shellEnergies } from './codec/support.ts';
import { outputAxisOf } from './codec/weight-roles.ts';
import { restoreOnnxGraph } from './foreign-graph.ts';
import { byteLength, type DType } from './graph/dtype.ts';
import type { Dim, Model, Value } from './graph/graph.ts';
import { isFloat, toFloat32 } from './graph/numbers.ts';
import type { Preparation } from './graph/preparation.ts';
import { elementCount, type Tensor } from './graph/tensor.ts';

export interface InspectedValue {
  readonly name: string;
  /** Element type, or the kind of a value that is not a tensor. */
  readonly dtype: string;
  /** Absent where not even the rank is known. */
  readonly shape?: readonly Dim[];
}

export interface InspectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** `exact`, `plain`, `dct` (all axes), `partial dct`, or the expression of another tensor network. */
  readonly method: string;
  /** Shape of the box of stored coefficients, for networks. */
  readonly support?: readonly number[];
  /** Numbers other than zero that are stored; for an exact tensor all of its elements. */
  readonly coefficients: number;
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Along the output channels: how many of the lowest frequencies hold all but 10⁻⁴ of the energy. */
  readonly effectiveWidth?: number;
  /**
   * Energy (sum of squares of DCT coefficients) by index sum, lowest frequency first, up to the last that is more than
   * rounding noise.
   */
  readonly spectrum?: readonly number[];
}

/** A quality layer of a file. */
export interface InspectedLayer {
  /** What it adds to the file; the first has the graph too. */
  readonly bytes: number;
  /** Whether the file goes on as far as its end. */
  readonly isPresent: boolean;
}

export interface Inspection {
  /** What was read; a model in memory counts as ONNX. */
  readonly format: 'fqz' | 'onnx' | 'keras';
  /** Of the file; for a model in memory, of its weights. */
  readonly bytes: number;
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  /** How often each operator occurs, other domains than ONNX's own in front of the name. */
  readonly operators: Readonly<Record<string, number>>;
  readonly nodes: number;
  /** Elements of all float tensors. */
  readonly parameters: number;
  readonly preparation?: Preparation;
  /** Number of class labels. */
  readonly labels?: number;
  /** Absent where the file is in one piece. */
  readonly layers?: readonly InspectedLayer[];
  readonly tensors: readonly InspectedTensor[];
  readonly totals: { readonly bytes: number; readonly graphBytes: number; readonly weightBytes: number };
}

export interface InspectOptions {
  /** Compute each float tensor's spectrum: one DCT over all of its elements. */
  spectrum?: boolean;
}

/** Looks into a `.fqz` file. Throws `FormatError` as `readFqz` does. */
export function inspectArchive(bytes: Uint8Array, options: InspectOptions = {}): Inspection {
  const archive = readFqz(bytes);
  const { graphBytes, weightBytes, bytesOf, layerEnds, preparation, labels } = archive;
  const layers = layerEnds.map((end, at) => ({
    bytes: end - (layerEnds[at - 1] ?? 0),
    isPresent: end <= bytes.length,
  }));
  const model = graphOf(archive);
  const ranks = new Map(archive.weights.map((weight) => [weight.name, shapeOf(weight).length]));
  const axes = outputAxes(model, ranks);
  return {
    format: 'fqz',
    bytes: bytes.length,
    ...describeGraph(model),
    parameters: archive.weights.reduce((sum, weight) => sum + parametersOf(weight), 0),
    ...(preparation && { preparation }),
    ...(labels && { labels: labels.length }),
    ...(layers.length > 0 && { layers }),
    tensors: archive.weights.map((weight) =>
      'tensor' in weight
        ? describeTensor(weight.name, weight.tensor, bytesOf.get(weight.name)!, axes.get(weight.name), options)
        : describeNetwork(weight, bytesOf.get(weight.name)!, axes.get(weight.name), options),
    ),
    totals: { bytes: bytes.length, graphBytes, weightBytes },
  };
}

/** Looks into a model; the sizes are those of its raw tensors. */
export function inspectModel(model: Model, options: InspectOptions = {}): Inspection {
  const ranks = new Map([...model.graph.initializers].map(([name, { shape }]) => [name, shape.length]));
  const axes = outputAxes(model, ranks);
  const tensors = [...model.graph.initializers].map(([name, tensor]) =>
    describeTensor(name, tensor, rawBytes(tensor), axes.get(name), options),
  );
  const weightBytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    format: 'onnx',
    bytes: weightBytes,
    ...describeGraph(model),
    parameters: tensors.reduce((sum, { dtype, shape }) => sum + (isFloat(dtype) ? elementCount(shape) : 0), 0),
    tensors,
    totals: { bytes: weightBytes, graphBytes: 0, weightBytes },
  };
}

function graphOf({ graph }: Archive): Model {
  return graph.kind === 'compact' ? graph.model : restoreOnnxGraph(graph.deflated);
}

function describeGraph({ graph }: Model): Pick<Inspection, 'inputs' | 'outputs' | 'operators' | 'nodes'> {
  const operators: Record<string, number> = {};
  for (const { op, domain } of graph.nodes) {
    const name = domain === '' ? op : `${domain}.${op}`;
    operators[name] = (operators[name] ?? 0) + 1;
  }
  return {
    // Before IR version 4 every initialiser is an input too.
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(describeValue),
    outputs: graph.outputs.map(describeValue),
    operators,
    nodes: graph.nodes.length,
  };
}

function describeValue({ name, type }: Value): InspectedValue {
  if (type?.kind !== 'tensor') return { name, dtype: type?.kind ?? 'unknown' };
  return { name, dtype: type.dtype, ...(type.shape && { shape: type.shape }) };
}

/** The axis of each layer's weight along which its output channels or units lie; `ranks` by the weight's name. */
function outputAxes({ graph }: Model, ranks: ReadonlyMap<string, number>): Map<string, number> {
  const axes = new Map<string, number>();
  for (const node of graph.nodes) {
    const name = node.inputs[1] ?? '';
    const rank = ranks.get(name);
    const axis = rank === undefined ? undefined : outputAxisOf(node, rank);
    if (axis !== undefined) axes.set(name, axis);
  }
  return axes;
}

function describeNetwork(
  weight: Extract<StoredWeight, { network: TensorNetwork }>,
  bytes: number,
  outputAxis: number | undefined,
  options: InspectOptions,
): InspectedTensor {
  const { name, shape, dtype, network } = weight;
  const coefficients = coefficientCount(network);
  const core = network.operands[0]!;
  const method = methodOf(network);
  const row = { name, shape, dtype, method, coefficients, bytes, bitsPerWeight: (8 * bytes) / elementCount(shape) };
  const axis = outputAxis === undefined ? undefined : foldedAxis(outputAxis, shape, network.shape);
  const values = axis !== undefined || options.spectrum ? expandNetwork(network) : new Float64Array(0);
  return {
    ...row,
    ...(core.kind !== 'cosine' && { support: core.shape }),
    ...(axis !== undefined && { effectiveWidth: effectiveWidth(values.slice(), network.shape, axis) }),
    ...(options.spectrum && { spectrum: spectrum(values, network.shape) }),
  };
}

/** The first or last axis of a matrix is the first or last one of its folded shape, too. */
function foldedAxis(axis: number, shape: readonly number[], folded: readonly number[]): number {
  return folded.length === shape.length || axis === 0 ? axis : folded.length - 1;
}

function methodOf(network: TensorNetwork): string {
  const coded = network.operands.filter(({ kind }) => kind !== 'cosine').length;
  if (coded > 1) return network.expression;
  const cosines = cosineAxes(network).cosines.size;
  if (cosines === 0) return 'plain';
  const long = network.shape.filter((size) => size > 1).length;
  return cosines === long && parseExpression(network.expression).result.length === network.shape.length
    ? 'dct'
    : 'partial dct';
}

function describeTensor(
  name: string,
  tensor: Tensor,
  bytes: number,
  outputAxis: number | undefined,
  options: InspectOptions,
): InspectedTensor {
  const { shape, dtype } = tensor;
  const count = elementCount(shape);
  const bitsPerWeight = count === 0 ? 0 : (8 * bytes) / count;
  const row = { name, shape, dtype, method: 'exact', coefficients: count, bytes, bitsPerWeight };
  const wanted = isFloat(dtype) && count > 0 && (outputAxis !== undefined || options.spectrum);
  if (!wanted) return row;
  const values = new Float64Array(toFloat32(tensor));
  return {
    ...row,
    ...(outputAxis !== undefined &&
      outputAxis < shape.length && { effectiveWidth: effectiveWidth(values.slice(), shape, outputAxis) }),
    ...(options.spectrum && { spectrum: spectrum(values, shape) }),
  };
}

/** Part of the energy (sum of squares) that may lie above the effective width. */
const NEGLIGIBLE_ENERGY = 1e-4;

/** How many of the lowest frequencies along `axis` hold all but a negligible part of the energy. Spends `values`. */
function effectiveWidth(values: Float64Array, shape: readonly number[], axis: number): number {
  dct(values, shape, [axis]);
  const energies = shellEnergies(values, shape, [axis]);
  const allowed = NEGLIGIBLE_ENERGY * energies.reduce((sum, energy) => sum + energy, 0);
  let width = energies.length;
  for (let above = energies[width - 1]!; width > 0 && above <= allowed; above += energies[width - 1] ?? 0) width--;
  return width;
}

/** Shells behind the last that holds more than this part of the energy are what rounding to float32 leaves. */
const ROUNDING_NOISE = 1e-12;

/** Energies up to the last shell that means anything. Spends `values`. */
function spectrum(values: Float64Array, shape: readonly number[]): number[] {
  const axes = shape.map((_, axis) => axis);
  dct(values, shape, axes);
  const energies = shellEnergies(values, shape, axes);
  const floor = ROUNDING_NOISE * energies.reduce((sum, energy) => sum + energy, 0);
  return [...energies.slice(0, energies.findLastIndex((energy) => energy > floor) + 1)];
}

function shapeOf(weight: StoredWeight): readonly number[] {
  return 'tensor' in weight ? weight.tensor.shape : weight.shape;
}

function parametersOf(weight: StoredWeight): number {
  const { dtype } = 'tensor' in weight ? weight.tensor : weight;
  return isFloat(dtype) ? elementCount(shapeOf(weight)) : 0;
}

function rawBytes(tensor: Tensor): number {
  return tensor.dtype === 'string'
    ? tensor.strings.reduce((sum, text) => sum + text.length, 0)
    : byteLength(tensor.dtype, elementCount(tensor.shape));
}
