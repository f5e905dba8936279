import { describe, expect, it } from 'vitest';
import { emptyGraph, type Model, modelOf, type Node, node } from '../../../src/graph/graph.ts';
import { sortNodes } from '../../../src/graph/passes/sort-nodes.ts';

/** x → y through `nodes`. */
function modelWith(...nodes: Node[]): Model {
  const value = (name: string) => ({ name, type: { kind: 'tensor' as const, dtype: 'float32' as const, shape: [2] } });
  return modelOf({ ...emptyGraph(), inputs: [value('x')], outputs: [value('y')], nodes }, 21);
}

describe('sortNodes', () => {
  it('brings nodes into an order in which they can be computed', () => {
    const model = modelWith(node('Add', ['b', 'a'], ['y']), node('Relu', ['a'], ['b']), node('Abs', ['x'], ['a']));
    expect(sortNodes(model)).toBeGreaterThan(0);
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Abs', 'Relu', 'Add']);
    expect(sortNodes(model)).toBe(0);
  });

  it('leaves nodes in order as they are', () => {
    const model = modelWith(node('Abs', ['x'], ['a']), node('Neg', ['x'], ['b']), node('Add', ['a', 'b'], ['y']));
    const before = [...model.graph.nodes];
    expect(sortNodes(model)).toBe(0);
    expect(model.graph.nodes).toEqual(before);
  });

  it('counts what a subgraph takes from outside as an input', () => {
    const value = (name: string) => ({ name, type: { kind: 'tensor' as const, dtype: 'float32' as const } });
    const branch = { ...emptyGraph('branch'), nodes: [node('Relu', ['late'], ['inner'])], outputs: [value('inner')] };
    const attribute = { type: 'graph' as const, value: branch };
    const choice = node('If', ['x'], ['y'], { then_branch: attribute, else_branch: attribute });
    const model = modelWith(choice, node('Abs', ['x'], ['late']));
    sortNodes(model);
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['Abs', 'If']);
  });

  it('sorts a chain of 50,000 nodes that stands backwards', () => {
    const chain = Array.from({ length: 50_000 }, (_, at) =>
      node('Abs', [at === 0 ? 'x' : `v${at - 1}`], [at === 49_999 ? 'y' : `v${at}`]),
    );
    const model = modelWith(...chain.toReversed());
    sortNodes(model);
    expect(model.graph.nodes).toEqual(chain);
  });

  it.each([
    ['the Relu that makes "a" needs its own result', [node('Relu', ['y'], ['a']), node('Abs', ['a'], ['y'])]],
    ['the Abs that makes "y" needs its own result', [node('Abs', ['y'], ['y'])]],
    ['takes "nobody", which nothing computes', [node('Abs', ['nobody'], ['y'])]],
    ['"y" is defined twice, by the Neg that makes "y" too', [node('Abs', ['x'], ['y']), node('Neg', ['x'], ['y'])]],
    ['"x" is defined twice', [node('Abs', ['x'], ['x']), node('Abs', ['x'], ['y'])]],
    ['nothing computes the output "y"', [node('Abs', ['x'], ['z'])]],
  ])('refuses a graph that contradicts itself: %s', (message, nodes) => {
    expect(() => sortNodes(modelWith(...nodes))).toThrow(message);
  });
});
