/**
 * Brings nodes into an order in which they can be computed, as ONNX demands and most exporters keep, and checks on the
 * way that every value is computed once.
 */
import { FormatError } from '../../errors.ts';
import type { Model, Node } from '../graph.ts';
import { producersOf, usedNames } from '../uses.ts';

/**
 * Sorts the nodes of the main graph, leaving those in order where they are. Throws `FormatError` for a value that is
 * defined twice, that nothing defines, or that takes part in its own computation. Returns how many nodes moved.
 */
export function sortNodes({ graph }: Model): number {
  const given = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.sparseInitializers.keys(),
  ]);
  checkDefinitions(graph.nodes, given);
  const producers = producersOf(graph);
  for (const { name } of graph.outputs) {
    if (!given.has(name) && !producers.has(name))
      throw new FormatError('ONNX', `nothing computes the output "${name}"`);
  }

  const sorted: Node[] = [];
  const done = new Set<Node>();
  const open = new Set<Node>();
  for (const root of graph.nodes) {
    // Depth first, with a stack of its own: a graph can be deeper than the call stack.
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const waiting = done.has(node) ? [] : pending(node, producers, done);
      if (waiting.length === 0) {
        stack.pop();
        open.delete(node);
        if (!done.has(node)) sorted.push(node);
        done.add(node);
        continue;
      }
      open.add(node);
      const cycle = waiting.find((other) => open.has(other));
      if (cycle) throw new FormatError('ONNX', `${describe(cycle)} needs its own result`);
      stack.push(...waiting);
    }
  }
  const moved = sorted.filter((node, place) => node !== graph.nodes[place]).length;
  graph.nodes = sorted;
  return moved;
}

function checkDefinitions(nodes: readonly Node[], given: ReadonlySet<string>): void {
  const defined = new Set(given);
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name !== '' && defined.has(name))
        throw new FormatError('ONNX', `"${name}" is defined twice, by ${describe(node)} too`);
      defined.add(name);
    }
  }
  for (const node of nodes) {
    const unknown = node.inputs.find((name) => name !== '' && !defined.has(name));
    if (unknown !== undefined)
      throw new FormatError('ONNX', `${describe(node)} takes "${unknown}", which nothing computes`);
  }
}

/** The nodes that must come before `node` and have not yet. */
function pending(node: Node, producers: ReadonlyMap<string, Node>, done: ReadonlySet<Node>): Node[] {
  return usedNames(node).flatMap((name) => {
    const producer = producers.get(name);
    return producer && !done.has(producer) ? [producer] : [];
  });
}

function describe({ op, name, outputs }: Node): string {
  return name === '' ? `the ${op} that makes "${outputs[0] ?? ''}"` : `node "${name}" (${op})`;
}
