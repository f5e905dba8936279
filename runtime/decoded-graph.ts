/**
 * The graph of a `.fqz` file, as callers see it.
 */
import type { Archive } from '../src/codec/archive.ts';
import { UnsupportedError } from '../src/errors.ts';
import type { DType } from '../src/graph/dtype.ts';
import { type Dim, defaultOpset, type Node, type Value } from '../src/graph/graph.ts';

/** An input or output of a model. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  /** A symbolic size is its name, or `null` where it has none; absent where not even the rank is known. */
  readonly shape?: readonly Dim[];
}

/** What a model computes. Weights are named in the nodes' inputs like any other value. */
export interface DecodedGraph {
  /** Version of ONNX's default operator set that the nodes are written in. */
  readonly opset: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** In topological order. */
  readonly nodes: readonly Node[];
}

/** The graph of an archive. Throws `UnsupportedError` where the file stores it as an ONNX model. */
export function graphOf({ graph }: Pick<Archive, 'graph'>): DecodedGraph {
  if (graph.kind === 'onnx') {
    throw new UnsupportedError('this file stores its graph as ONNX, which fqz/ort runs and fqz unpack writes out');
  }
  const { inputs, outputs, nodes } = graph.model.graph;
  return { opset: defaultOpset(graph.model), inputs: inputs.map(port), outputs: outputs.map(port), nodes };
}

function port({ name, type }: Value): Port {
  if (type?.kind !== 'tensor') throw new UnsupportedError(`"${name}" is not a tensor`);
  return { name, dtype: type.dtype, ...(type.shape && { shape: type.shape }) };
}
