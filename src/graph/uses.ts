/**
 * Who makes and who takes each value of a graph, and renaming. A name that a subgraph takes from outside counts as a
 * use by the node that holds the subgraph.
 */
import { type Graph, type Node, subgraphs } from './graph.ts';

/** Every name that `node` takes, one entry per use, its subgraphs' nodes and outputs included. */
export function usedNames(node: Node): string[] {
  const inner = subgraphs(node).flatMap(({ outputs, nodes }) => [
    ...outputs.map(({ name }) => name),
    ...nodes.flatMap(usedNames),
  ]);
  return [...node.inputs.filter((name) => name !== ''), ...inner];
}

/** The nodes that take each value, one entry per use. Being an output of the graph is not among them. */
export function consumersOf(graph: Graph): Map<string, Node[]> {
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of usedNames(node)) {
      const list = consumers.get(name);
      if (list) list.push(node);
      else consumers.set(name, [node]);
    }
  }
  return consumers;
}

/** The node that makes each value. */
export function producersOf(graph: Graph): Map<string, Node> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map((name) => [name, node])));
}

/** Names of the graph's outputs. */
export function outputNames(graph: Graph): Set<string> {
  return new Set(graph.outputs.map(({ name }) => name));
}

/** Makes every use of a key of `names` a use of its value, in `graph` and its subgraphs. The graph's outputs keep theirs. */
export function renameUses(graph: Graph, names: ReadonlyMap<string, string>): void {
  if (names.size === 0) return;
  const renamed = (name: string) => names.get(name) ?? name;
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map(renamed);
    for (const inner of subgraphs(node)) {
      renameUses(inner, names);
      for (const output of inner.outputs) output.name = renamed(output.name);
    }
  }
}

/** Makes names that neither `graph` nor any of its subgraphs uses yet. */
export function nameMaker(graph: Graph): (stem: string) => string {
  const taken = new Set<string>();
  const collect = ({ inputs, outputs, initializers, sparseInitializers, nodes }: Graph) => {
    for (const { name } of [...inputs, ...outputs]) taken.add(name);
    for (const name of [...initializers.keys(), ...sparseInitializers.keys()]) taken.add(name);
    for (const node of nodes) {
      for (const name of [...node.inputs, ...node.outputs]) taken.add(name);
      subgraphs(node).forEach(collect);
    }
  };
  collect(graph);
  return (stem) => {
    let name = stem;
    for (let count = 1; taken.has(name); count++) name = `${stem}_${count}`;
    taken.add(name);
    return name;
  };
}

/** Whether `node` is one of these operators of ONNX's default domain. */
export function isStandard({ op, domain }: Node, ...ops: string[]): boolean {
  return (domain === '' || domain === 'ai.onnx') && ops.includes(op);
}
