/**
 * An archive back into a model: with dense weights, or with each network as the chain of small layers that it is.
 */
import type { Archive, StoredWeight } from './codec/archive.ts';
import { expandNetwork } from './codec/expand.ts';
import { factorWeights } from './codec/factor.ts';
import { FormatError } from './errors.ts';
import { restoreOnnxGraph } from './foreign-graph.ts';
import type { Model } from './graph/graph.ts';
import { type FloatDType, fromFloats, isFloat } from './graph/numbers.ts';
import type { Tensor } from './graph/tensor.ts';

/**
 * `dense`: every weight rebuilt. `factored`: every network that a chain of layers can stand for as that chain. `auto`:
 * the chain only where it takes fewer multiplications.
 */
export type Form = 'dense' | 'factored' | 'auto';

export interface UnpackOptions {
  form?: Form;
}

export const UNPACK_DEFAULTS = { form: 'dense' } as const satisfies UnpackOptions;

/** The model of an archive. Throws `FormatError` where a stored ONNX graph is damaged. The archive is left as it is. */
export function unpack(archive: Archive, options: UnpackOptions = {}): Model {
  const { form = UNPACK_DEFAULTS.form } = options;
  const model = modelOfArchive(archive);
  const weights = new Map(archive.weights.map((weight) => [weight.name, weight]));
  if (form !== 'dense') factorWeights(model, weights, { always: form === 'factored' });
  for (const [name, weight] of weights) model.graph.initializers.set(name, denseTensor(weight));
  return model;
}

/** The archive's graph as a model without initialisers, free to be edited. */
function modelOfArchive({ graph }: Archive): Model {
  if (graph.kind === 'onnx') return restoreOnnxGraph(graph.deflated);
  const { model } = graph;
  const nodes = model.graph.nodes.map((node) => ({ ...node, inputs: [...node.inputs], outputs: [...node.outputs] }));
  return { ...model, graph: { ...model.graph, nodes, initializers: new Map() } };
}

/** The weight as a tensor of its own type. */
function denseTensor(weight: StoredWeight): Tensor {
  if ('tensor' in weight) return weight.tensor;
  const { dtype, shape, network, name } = weight;
  if (!isFloat(dtype)) throw new FormatError('fqz', `weight "${name}" is a network of type ${dtype}`);
  return fromFloats(dtype as FloatDType, shape, expandNetwork(network));
}
