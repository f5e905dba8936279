/**
 * Layers as chains: a Conv whose weight is a core with cosines is a 1×1 Conv onto few input frequencies, a small Conv
 * between frequencies, and a 1×1 Conv from few output frequencies; a dense layer is a chain of matrix products.
 */
import { type Graph, intAttribute, type Model, type Node, node as newNode } from '../graph/graph.ts';
import { type FloatDType, fromFloats, isFloat } from '../graph/numbers.ts';
import { elementCount } from '../graph/tensor.ts';
import type { StoredWeight } from './archive.ts';
import { cosineMatrix } from './dct.ts';
import { contractNetwork, cosineAxes } from './network.ts';
import { parseExpression } from './einsum.ts';

type NetworkWeight = Extract<StoredWeight, { network: unknown }>;

/**
 * Rewrites, in place, the layers of `model` whose weight in `weights` is a network that a chain can stand for. Their
 * weights leave the map; the small ones of the chains become initialisers of the model.
 *
 * @param options `always`: also where the chain takes more multiplications than the dense layer
 */
export function factorWeights(model: Model, weights: Map<string, StoredWeight>, options: { always: boolean }): void {
  const uses = countUses(model.graph);
  const factored: Node[] = [];
  const spent = new Set<string>();
  for (const node of model.graph.nodes) {
    const chain = chainFor(model.graph, node, weights, options.always);
    if (chain) spent.add(node.inputs[1]!);
    factored.push(...(chain ?? [node]));
  }
  model.graph.nodes = factored;
  for (const name of spent) {
    const left = factored.some(({ inputs }) => inputs.includes(name));
    if (!left && uses.has(name)) weights.delete(name);
  }
}
