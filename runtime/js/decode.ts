/**
 * The reference decoder: a `.fqz` file as its graph and its weights, in plain JavaScript. It favours plainness over
 * speed; faster backends are checked against it.
 */
import { readFqz } from '../../formats/fqz/read.ts';
import type { StoredWeight } from '../../src/codec/archive.ts';
import { expandNetwork } from '../../src/codec/expand.ts';
import type { Preparation } from '../../src/graph/preparation.ts';
import { type DecodedGraph, graphOf } from '../decoded-graph.ts';
import { floatsOf } from './floats.ts';

/** A `.fqz` file, decoded. */
export interface DecodedModel {
  /** Version of the file format. */
  readonly version: number;
  /** How the input is to be prepared, where the file says so. */
  readonly preparation?: Preparation;
  /** Class labels by index, where the file has them. */
  readonly labels?: readonly string[];
  /**
   * Every weight as the file stores it, by name: a tensor network, or a tensor that was kept bit for bit (`data` are its
   * little-endian elements).
   */
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /**
   * The graph. Throws `UnsupportedError` where the file stores it as an ONNX model, as it does for operators that the
   * op table does not know.
   */
  graph(): DecodedGraph;
  /**
   * The elements of a float weight, row-major over its shape, rebuilt anew by every call: einsum over the operands, with
   * an inverse DCT for each cosine, computed in float64 and rounded to float32 whatever the weight's own type.
   * Throws `TypeError` for a name that is no weight, and for a weight that is not of a float type.
   */
  weight(name: string): Float32Array;
}

/**
 * Decodes a `.fqz` file. Its coefficients are decoded at once, dense weights are rebuilt only when asked for.
 * Throws `FormatError` for anything that is not a whole, undamaged file of a known version.
 */
export function decodeFqz(bytes: Uint8Array): DecodedModel {
  const archive = readFqz(bytes);
  const { version, preparation, labels } = archive;
  const weights = new Map(archive.weights.map((weight) => [weight.name, weight]));
  return {
    version,
    ...(preparation && { preparation }),
    ...(labels && { labels }),
    weights,
    graph: () => graphOf(archive),
    weight(name) {
      const weight = weights.get(name);
      if (!weight) throw new TypeError(`the model has no weight "${name}"`);
      return elementsOf(weight);
    },
  };
}

function elementsOf(weight: StoredWeight): Float32Array {
  if ('network' in weight) return Float32Array.from(expandNetwork(weight.network));
  const { tensor, name } = weight;
  const floats = tensor.dtype === 'string' ? undefined : floatsOf(tensor);
  if (!floats) throw new TypeError(`weight "${name}" is of type ${tensor.dtype}: take its tensor from weights`);
  return floats;
}
