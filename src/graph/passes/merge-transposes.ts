/**
 * Cancels transposes against each other, also across operators between them that do not care about the order of axes.
 * Networks that were exported from a layout with the channels last have a pair of them around every convolution.
 */
import {
  type Attribute,
  type Graph,
  intAttribute,
  intsAttribute,
  type Model,
  type Node,
  node as newNode,
} from '../graph.ts';
import { permuted } from '../permute.ts';
import { type Inference, inferNode, startInference } from '../shape-inference.ts';
import { fromFront } from '../shapes/dims.ts';
import { elementCount, int64Tensor } from '../tensor.ts';
import { isStandard, nameMaker, usedNames } from '../uses.ts';

/** A value that is `source` transposed: its axis i is axis `perm[i]` of `source`. */
interface Transposed {
  readonly source: string;
  readonly perm: readonly number[];
}

/** A node under way to the other side of a transpose: its copy works on sources. */
interface Crossing {
  readonly node: Node;
  readonly perm: readonly number[];
  readonly inference: Inference;
  /** The source of input `index`, or the input itself where that is not transposed. */
  source(index: number): string;
  /** Adds an initialiser and returns its name. */
  addConstant(values: readonly number[]): string;
  /** Input `index` as it is before the transpose, where it is a constant; `undefined` otherwise. */
  constantSource(index: number): string | undefined;
}

/** Gives the copy's inputs and changes its attributes, or `undefined` where the node cannot cross. */
type Crosser = (crossing: Crossing, attributes: Node['attributes']) => string[] | undefined;

/** Further inputs are scalars, as Clip's bounds. */
const unary: Crosser = ({ node, source }) => [source(0), ...node.inputs.slice(1)];

/** All inputs transposed alike, or constants that can be turned back. */
const elementwise: Crosser = ({ node, source, constantSource }) => {
  const inputs = node.inputs.map((name, index) => (source(index) === name ? constantSource(index) : source(index)));
  return inputs.every((name) => name !== undefined) ? inputs : undefined;
};

/** `axis` of the node's inputs as an axis of the sources. */
function crossAxis(perm: readonly number[], axis: number): number | undefined {
  const front = fromFront(axis, perm.length);
  return front === undefined ? undefined : perm[front];
}

/** All inputs transposed, and an attribute `axis`. */
const alongAxis =
  (fallback: number): Crosser =>
  ({ node, perm, source }, attributes) => {
    const axis = crossAxis(perm, intAttribute(node, 'axis', fallback));
    if (axis === undefined || node.inputs.some((name, index) => source(index) === name)) return undefined;
    attributes.set('axis', { type: 'int', value: axis });
    return node.inputs.map((_, index) => source(index));
  };

const reduction: Crosser = ({ node, perm, source, inference, addConstant }) => {
  const axes = inference.integers.get(node.inputs[1] ?? '')?.map((axis) => crossAxis(perm, Number(axis)));
  if (!axes?.length || intAttribute(node, 'keepdims', 1) !== 1) return undefined;
  const known = axes.filter((axis) => axis !== undefined);
  return known.length === axes.length ? [source(0), addConstant(known)] : undefined;
};

const pad: Crosser = ({ node, perm, source, inference, addConstant }) => {
  const pads = inference.integers.get(node.inputs[1] ?? '');
  if (pads?.length !== 2 * perm.length || (node.inputs[3] ?? '') !== '') return undefined;
  const turned = new Array<number>(pads.length).fill(0);
  perm.forEach((axis, index) => {
    turned[axis] = Number(pads[index]);
    turned[axis + perm.length] = Number(pads[index + perm.length]);
  });
  if (!turned.every(Number.isInteger)) return undefined;
  return [source(0), addConstant(turned), ...node.inputs.slice(2, 3)];
};

const UNARY =
  'Abs Ceil Celu Clip Cast Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Softplus Softsign Sqrt Tanh ThresholdedRelu';
const ELEMENTWISE = 'Add Div Max Mean Min Mul PRelu Pow Sub Sum';
const REDUCTIONS = 'ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare';

const each = (ops: string, crosser: Crosser) => ops.split(' ').map((op) => [op, crosser] as const);
const CROSSERS = new Map<string, Crosser>([
  ...each(UNARY, unary),
  ...each(ELEMENTWISE, elementwise),
  ...each(REDUCTIONS, reduction),
  ['Concat', alongAxis(0)],
  ['Softmax', alongAxis(-1)],
  ['LogSoftmax', alongAxis(-1)],
  ['Pad', pad],
]);

const isPermutation = (perm: readonly number[]): boolean => perm.every((_, axis) => perm.includes(axis));
const isIdentity = (perm: readonly number[]): boolean => perm.every((axis, index) => axis === index);
const inverse = (perm: readonly number[]): number[] => perm.map((_, axis) => perm.indexOf(axis));
const countTransposes = (nodes: readonly Node[]): number =>
  nodes.filter((node) => isStandard(node, 'Transpose')).length;

/**
 * Moves the transposes of the main graph towards its outputs, through operators that work on any order of axes, so that
 * inverse ones meet and vanish. Returns the number of transposes saved; where that would be none, nothing is changed.
 */
export function mergeTransposes(model: Model): number {
  const { graph } = model;
  const before = countTransposes(graph.nodes);
  if (before < 2) return 0;
  const result = withTransposesSunk(model);
  const saved = before - countTransposes(result.nodes);
  if (saved <= 0) return 0;
  Object.assign(graph, result);
  return saved;
}

function withTransposesSunk(model: Model): Graph {
  const graph: Graph = { ...model.graph, initializers: new Map(model.graph.initializers), nodes: [] };
  const inference = startInference(model);
  const fresh = nameMaker(model.graph);
  const transposed = new Map<string, Transposed>();
  const made = new Set<string>();

  /** Makes a value that was transposed only in thought exist. */
  const materialise = (name: string) => {
    const value = transposed.get(name);
    if (!value || made.has(name)) return;
    made.add(name);
    const perm: Attribute = { type: 'ints', value: [...value.perm] };
    graph.nodes.push(
      isIdentity(value.perm)
        ? newNode('Identity', [value.source], [name])
        : newNode('Transpose', [value.source], [name], { perm }),
    );
  };

  for (const node of model.graph.nodes) {
    inferNode(inference, node);
    const [output = ''] = node.outputs;
    if (isStandard(node, 'Transpose')) {
      const rank = inference.types.get(node.inputs[0] ?? '')?.shape?.length ?? 0;
      const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
      const earlier = transposed.get(node.inputs[0] ?? '');
      if (perm.length > 0 && isPermutation(perm)) {
        transposed.set(
          output,
          earlier
            ? { source: earlier.source, perm: perm.map((axis) => earlier.perm[axis]!) }
            : { source: node.inputs[0]!, perm },
        );
        continue;
      }
    }
    const crossed = cross(node);
    if (crossed) {
      graph.nodes.push(crossed.node);
      inferNode(inference, crossed.node);
      transposed.set(output, { source: crossed.node.outputs[0]!, perm: crossed.perm });
      continue;
    }
    for (const name of usedNames(node)) materialise(name);
    graph.nodes.push(node);
  }
  for (const { name } of graph.outputs) materialise(name);
  return graph;

  /** The node on the other side of the transposes of its inputs, which are all alike. */
  function cross(node: Node): { node: Node; perm: readonly number[] } | undefined {
    const crosser = isStandard(node, node.op) ? CROSSERS.get(node.op) : undefined;
    const values = node.inputs.map((name) => transposed.get(name)).filter((value) => value !== undefined);
    const perm = values[0]?.perm;
    if (!crosser || !perm || node.outputs.length !== 1) return undefined;
    if (
      values.some(
        (value) => value.perm.length !== perm.length || value.perm.some((axis, index) => axis !== perm[index]),
      )
    )
      return undefined;
    const attributes = new Map(node.attributes);
    const inputs = crosser(
      {
        node,
        perm,
        inference,
        source: (index) => transposed.get(node.inputs[index]!)?.source ?? node.inputs[index]!,
        addConstant(values) {
          const name = fresh(`${node.outputs[0]}_constant`);
          graph.initializers.set(name, int64Tensor(values));
          return name;
        },
        constantSource(index) {
          const name = node.inputs[index]!;
          const constant = graph.initializers.get(name);
          if (!constant || constant.dtype === 'string' || constant.shape.length > perm.length) return undefined;
          if (elementCount(constant.shape) === 1) return name;
          const shape = [...new Array<number>(perm.length - constant.shape.length).fill(1), ...constant.shape];
          const turned = fresh(`${name}_transposed`);
          graph.initializers.set(turned, permuted({ ...constant, shape }, inverse(perm)));
          return turned;
        },
      },
      attributes,
    );
    if (!inputs) return undefined;
    return { node: { ...node, inputs, outputs: [fresh(`${node.outputs[0]}_untransposed`)], attributes }, perm };
  }
}
