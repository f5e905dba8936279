/**
 * Moves an activation behind the pooling that follows it: the largest of a window is the same before and after a function
 * that never falls, and there are fewer elements to apply it to, forwards and backwards.
 */
import type { Model, Node } from '../graph/graph.ts';
import { consumersOf, isStandard, outputNames } from '../graph/uses.ts';

/** Swaps each such pair in place. Padding stays outside of windows' maxima, so that it changes nothing. */
export function poolFirst({ graph }: Model): void {
  const consumers = consumersOf(graph);
  const outputs = outputNames(graph);
  for (const [place, node] of graph.nodes.entries()) {
    if (!isStandard(node, 'Relu')) continue;
    const between = node.outputs[0]!;
    const [pool, ...others] = consumers.get(between) ?? [];
    if (!pool || others.length > 0 || outputs.has(between)) continue;
    if (!isStandard(pool, 'MaxPool') || pool.outputs.length > 1) continue;
    const last = pool.outputs[0]!;
    // The pooling takes the place of the activation, whose name of a value is free now.
    graph.nodes[place] = { ...pool, inputs: [node.inputs[0]!], outputs: [between] } satisfies Node;
    graph.nodes[graph.nodes.indexOf(pool)] = { ...node, inputs: [between], outputs: [last] };
  }
}
