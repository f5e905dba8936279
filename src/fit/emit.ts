/**
 * Appends nodes of ONNX's default domain to a graph, one function per operator: `emit.Mul(x, emit.Sub(1, x))`. Names, constants
 * and the types of what is new are looked after, and the same expression is emitted once only.
 */
import { isFloat } from '../graph/dtype.ts';
import { type Attribute, type Dim, type Model, type Node, node } from '../graph/graph.ts';
import { fromFloats } from '../graph/numbers.ts';
import { opSpec } from '../graph/op-table.ts';
import { addConstant, inferNode, startInference, type TensorType } from '../graph/shape-inference.ts';
import { int64Tensor, type NumericTensor, type Tensor } from '../graph/tensor.ts';
import { nameMaker } from '../graph/uses.ts';

/**
 * What a node takes: a value's name (the empty string where an optional input is omitted), a number (a scalar constant of the
 * element type that the other inputs have), or integers (a constant list of int64).
 */
export type Operand = string | number | readonly number[];

/** Attributes by name; their types are those of the operator table. */
export type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

/** Emits one node, attributes behind its inputs, and returns the name of its first output. */
type EmitNode = (...parts: readonly (Operand | Attributes)[]) => string;

/** The operators that are called by their name. */
const NAMES =
  'Abs Add And AveragePool CastLike Concat Conv ConvTranspose Cos Cosh CumSum DepthToSpace Div Einsum Equal Erf Exp Expand EyeLike Flatten Gemm Greater Less Log MatMul MaxUnpool Mul Neg NonZero Not Pad Pow Range Reciprocal ReduceMean ReduceSum ReduceSumSquare Reshape Resize ScatterElements ScatterND Shape Sigmoid Sign Sin Sinh Size Slice Softplus SpaceToDepth Sqrt Squeeze Sub Sum Tanh Transpose Trilu Unsqueeze Where';

type Word<Text, Before = never> = Text extends `${infer First} ${infer Rest}`
  ? Word<Rest, Before | First>
  : Before | Text;
type Name = Word<typeof NAMES>;

/** A graph's emitter: a function for each operator, and what can be told of the graph's values. */
export type Emitter = Readonly<Record<Name, EmitNode>> & {
  /** Emits a node of any operator with `count` outputs, and returns their names. */
  readonly node: (op: string, parts: readonly (Operand | Attributes)[], count: number) => string[];
  /** Names a constant. */
  readonly constant: (tensor: NumericTensor) => string;
  /** The value of a constant; `undefined` for what is computed or fed. */
  readonly constantOf: (value: string) => Tensor | undefined;
  /** The elements of a small integer value as far as they are known. */
  readonly integersOf: (value: string) => readonly Dim[] | undefined;
  readonly typeOf: (value: string) => TensorType | undefined;
  /** The dimensions of a value; `undefined` where not even the rank is known. */
  readonly shapeOf: (value: string) => readonly Dim[] | undefined;
  /** The name of output `index` of a node of the graph, which from now on has that output. */
  readonly outputOf: (node: Node, index: number) => string;
};

/** The emitter of `model`, whose graph's values are inferred first. */
export function emitterOf(model: Model): Emitter {
  const { graph } = model;
  const inference = startInference(model);
  for (const each of graph.nodes) inferNode(inference, each);
  const nameOf = nameMaker(graph);
  const emitted = new Map<string, string[]>();

  const constant = (tensor: NumericTensor): string => {
    const key = `${tensor.dtype} [${tensor.shape}] ${tensor.data}`;
    let names = emitted.get(key);
    if (!names) {
      names = [nameOf('constant')];
      emitted.set(key, names);
      graph.initializers.set(names[0]!, tensor);
      addConstant(inference, names[0]!, tensor);
    }
    return names[0]!;
  };

  const emitNode = (op: string, parts: readonly (Operand | Attributes)[], count: number): string[] => {
    const last = parts.at(-1);
    const attributes = isAttributes(last) ? last : {};
    const operands = (isAttributes(last) ? parts.slice(0, -1) : parts) as readonly Operand[];
    const named = operands.filter((operand) => typeof operand === 'string');
    const dtypes = named.map((name) => inference.types.get(name)?.dtype).filter((dtype) => dtype !== undefined);
    const dtype = dtypes.find(isFloat) ?? dtypes.find((each) => each === 'int64') ?? 'float32';
    const inputs = operands.map((operand) => {
      if (typeof operand === 'string') return operand;
      if (typeof operand !== 'number') return constant(int64Tensor(operand));
      return constant(dtype === 'int64' ? int64Tensor([operand], []) : fromFloats(dtype, [], [operand]));
    });
    while (inputs.at(-1) === '') inputs.pop();
    const key = JSON.stringify([op, inputs, attributes, count]);
    const known = emitted.get(key);
    if (known) return known;
    const outputs = Array.from({ length: count }, () => nameOf(`${op}_${emitted.size}`));
    const added = node(op, inputs, outputs, attributesOf(op, attributes));
    emitted.set(key, outputs);
    graph.nodes.push(added);
    inferNode(inference, added);
    return outputs;
  };

  const outputOf = (from: Node, index: number): string => {
    while (from.outputs.length <= index) from.outputs.push('');
    from.outputs[index] ||= nameOf(`${from.outputs[0]}_${index}`);
    inferNode(inference, from);
    return from.outputs[index];
  };

  return {
    ...(Object.fromEntries(
      NAMES.split(' ').map((op): [string, EmitNode] => [op, (...parts) => emitNode(op, parts, 1)[0]!]),
    ) as Record<Name, EmitNode>),
    node: emitNode,
    constant,
    constantOf: (value) => inference.constants.get(value),
    integersOf: (value) => inference.integers.get(value),
    typeOf: (value) => inference.types.get(value),
    shapeOf: (value) => inference.types.get(value)?.shape,
    outputOf,
  };
}

/** The attributes that a node sets, as far as the operator table knows them. */
export function givenAttributes({ op, attributes }: Node): Attributes {
  const specs = opSpec(op)?.attributes ?? [];
  const given = specs.map(({ name }) => [name, attributes.get(name)] as const);
  return Object.fromEntries(
    given.flatMap(([name, each]) => (each && 'value' in each ? [[name, each.value]] : [])),
  ) as Attributes;
}

function isAttributes(part: Operand | Attributes | undefined): part is Attributes {
  return typeof part === 'object' && !Array.isArray(part);
}

function attributesOf(op: string, attributes: Attributes): Record<string, Attribute> {
  const specs = opSpec(op)?.attributes ?? [];
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      const type = specs.find((spec) => spec.name === name)?.type;
      if (!type) throw new TypeError(`${op} has no attribute ${name}`);
      return [name, { type, value } as Attribute];
    }),
  );
}
