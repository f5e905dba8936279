/**
 * A small model with one of everything that the IR can hold.
 */
import type { Attribute, Model, Node } from '../../../src/graph/graph.ts';
import { emptyGraph, modelOf, node } from '../../../src/graph/graph.ts';
import { float32Tensor, int64Tensor, type StringTensor } from '../../../src/graph/tensor.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Not a model that could run: the operators `Every` and `Called` do not exist. */
export function richModel(): Model {
  const vector = { kind: 'tensor', dtype: 'float32', shape: [2] } as const;
  const weight = float32Tensor([2], Float32Array.of(1.5, -2));
  const sparse = { shape: [4], values: weight, indices: int64Tensor([1, 3]) };
  const words: StringTensor = { dtype: 'string', shape: [2], strings: [utf8('a'), Uint8Array.of(0xff)] };
  const body = emptyGraph('body');
  body.nodes.push(node('Neg', ['x'], ['negated']));
  body.outputs.push({ name: 'negated' });

  const everyAttribute: Record<string, Attribute> = {
    float: { type: 'float', value: 0.5 },
    int: { type: 'int', value: -3 },
    large: { type: 'int', value: 2n ** 63n - 1n },
    string: { type: 'string', value: 'ü' },
    bytes: { type: 'string', value: Uint8Array.of(0xc3) },
    tensor: { type: 'tensor', value: words },
    'sparse-tensor': { type: 'sparse-tensor', value: sparse },
    graph: { type: 'graph', value: body },
    type: { type: 'type', value: { kind: 'sequence', element: { ...vector, shape: [2] } } },
    floats: { type: 'floats', value: [1, -0.25] },
    ints: { type: 'ints', value: [0, -1, -(2n ** 63n), 2 ** 40] },
    strings: { type: 'strings', value: ['', 'b', Uint8Array.of(0x80)] },
    tensors: { type: 'tensors', value: [weight, words] },
    'sparse-tensors': { type: 'sparse-tensors', value: [sparse] },
    graphs: { type: 'graphs', value: [body, emptyGraph()] },
    types: { type: 'types', value: [{ kind: 'map', key: 'int64', value: { kind: 'tensor', dtype: 'string' } }] },
    none: { type: 'ints', value: [] },
  };
  const every: Node = {
    ...node('Every', ['x', '', 'w'], ['y', ''], everyAttribute, 'every'),
    domain: 'example',
    doc: 'one of each',
  };
  const graph = {
    ...emptyGraph('graph'),
    doc: 'a graph',
    inputs: [
      {
        name: 'x',
        type: { kind: 'tensor' as const, dtype: 'float32' as const, shape: ['N', null, 3, 0] },
        doc: 'input',
      },
      { name: 'w', type: { ...vector, shape: [2], denotations: ['DATA_FEATURE'] } },
    ],
    outputs: [
      {
        name: 'y',
        type: { kind: 'optional' as const, element: { kind: 'sparse-tensor' as const, dtype: 'int4' as const } },
      },
    ],
    initializers: new Map([
      ['w', weight],
      ['s', int64Tensor([7], [])],
    ]),
    sparseInitializers: new Map([['sparse', sparse]]),
    nodes: [every],
    values: new Map([['between', { name: 'between', type: { ...vector, shape: [2] } }]]),
  };
  return {
    ...modelOf(graph, 21, 10),
    opsets: new Map([
      ['', 21],
      ['example', 1],
    ]),
    producerVersion: '1',
    domain: 'org.example',
    modelVersion: 3,
    doc: 'a model',
    metadata: new Map([['author', 'nobody']]),
    functions: [
      {
        domain: 'example',
        name: 'Called',
        inputs: ['a'],
        outputs: ['b'],
        attributes: ['alpha'],
        nodes: [node('LeakyRelu', ['a'], ['b'], { alpha: { type: 'reference', name: 'alpha', of: 'float' } })],
        opsets: new Map([['', 21]]),
        doc: 'a function',
      },
    ],
  };
}
