/**
 * What the layer rules build with: ONNX nodes and constants, and values that know in which order of axes the graph keeps
 * them. Images come as Keras keeps them, are turned once to channels first, and stay so: whoever needs another order asks
 * for it.
 */

import { UnsupportedError } from '../../src/errors.ts';
import { DTYPES, type DType } from '../../src/graph/dtype.ts';
import { type Attribute, type Dim, emptyGraph, type Graph, node } from '../../src/graph/graph.ts';
import { permuted } from '../../src/graph/permute.ts';
import { elementCount, float32Tensor, int64Tensor, type NumericTensor } from '../../src/graph/tensor.ts';

/** A value of the graph as Keras sees it. */
export interface KerasValue {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes in Keras' order of axes, the batch first; what is not known is a name or `null`. */
  readonly shape: readonly Dim[];
  /** Axis i of the tensor in the graph is axis `order[i]` of `shape`. */
  readonly order: readonly number[];
  /**
   * Set where `shape` is (N, features) and the features lie in another order than Keras': the parts they consist of, one
   * after another. A dense layer turns the rows of its kernel instead of the value.
   */
  readonly flat?: readonly FlatPart[];
  /** A bool value (N, time) that says which steps count, where Keras would hand a mask along. */
  readonly mask?: string;
}

/** Features that were axes of sizes `shape` in Keras' order, flattened while they lay in `order`. */
export interface FlatPart {
  readonly shape: readonly number[];
  readonly order: readonly number[];
}

/** Adds to one graph; nodes and constants are named after a scope, which is usually a layer. */
export interface GraphBuilder {
  readonly graph: Graph;
  /** The same graph, with other names for what is added; `weights` is the scope of the constants, where they are shared. */
  scoped(scope: string, weights?: string): GraphBuilder;
  /** Adds a node with one output and returns the output's name. An omitted optional input is the empty string. */
  emit(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>): string;
  /** Adds a node with `count` outputs and returns their names. */
  emitAll(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes?: Readonly<Record<string, Attribute>>,
  ): string[];
  /** Adds a constant, named `what` in the scope, and returns its name; the same one again is not added twice. */
  constant(what: string, tensor: NumericTensor): string;
  /** A float32 scalar. */
  scalar(what: string, value: number): string;
  /** A vector of int64, as axes and shapes are given. */
  integers(what: string, values: readonly number[]): string;
  /** A name that nothing in the graph has yet. */
  fresh(name: string): string;
  /** The value with its axes kept in `order`, transposed where it must be. */
  ordered(value: KerasValue, order: readonly number[]): KerasValue;
  /** The value as Keras itself keeps it. */
  plain(value: KerasValue): KerasValue;
  /** The tensor `name` with this shape, in the order of the tensor's axes; one size may be unknown, and the batch. */
  reshape(name: string, shape: readonly Dim[]): string;
  /** The value with another element type. */
  cast(value: KerasValue, dtype: DType): KerasValue;
}

/** An attribute of type int. */
export const int = (value: number): Attribute => ({ type: 'int', value });
/** An attribute of type float. */
export const float = (value: number): Attribute => ({ type: 'float', value });
/** An attribute of type ints. */
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value: [...value] });
/** An attribute of type string. */
export const text = (value: string): Attribute => ({ type: 'string', value });

/** `[0, 1, … rank - 1]`: the order of a value that lies as Keras has it. */
export const identity = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => axis);

/** The order with the channels, Keras' last axis, behind the batch. */
export const channelsFirst = (rank: number): number[] => [0, rank - 1, ...identity(rank).slice(1, -1)];

/** The sizes of the tensor in the graph, axis by axis. */
export const keptShape = ({ shape, order }: KerasValue): Dim[] => order.map((axis) => shape[axis]!);

/** Where axis `axis` of Keras (counted from the end where negative) is in the tensor of the graph. */
export function keptAxis({ shape, order }: KerasValue, axis: number): number {
  return order.indexOf(axis < 0 ? axis + shape.length : axis);
}

/** Whether both orders are the same. */
export const sameOrder = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((axis, index) => axis === b[index]);

/** The Keras indices of the features of a flat value, in the order in which they lie in the graph. */
export function featureOrder(parts: readonly FlatPart[]): number[] {
  const indices: number[] = [];
  for (const { shape, order } of parts) {
    const start = indices.length;
    const numbers = new BigInt64Array(elementCount(shape)).map((_, index) => BigInt(start + index));
    const turned = permuted({ dtype: 'int64', shape, data: new Uint8Array(numbers.buffer) }, order);
    for (const index of new BigInt64Array(turned.data.buffer)) indices.push(Number(index));
  }
  return indices;
}

/** A builder of a new, empty graph. */
export function createGraphBuilder(name: string): GraphBuilder {
  const graph = emptyGraph(name);
  const taken = new Set<string>();
  const turned = new Map<string, string>();

  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let count = 1; taken.has(name); count++) name = `${wanted}_${count}`;
    taken.add(name);
    return name;
  };

  const inScope = (scope: string, weights: string): GraphBuilder => {
    const builder: GraphBuilder = {
      graph,
      fresh,
      scoped: (inner, innerWeights = inner) => inScope(inner, innerWeights),
      emit: (op, inputs, attributes) => builder.emitAll(op, inputs, 1, attributes)[0]!,
      emitAll(op, inputs, count, attributes = {}) {
        const name = fresh(`${scope}/${op}`);
        const outputs = [
          name,
          ...Array.from({ length: count - 1 }, (_, index) => fresh(`${name}_output_${index + 1}`)),
        ];
        graph.nodes.push(node(op, [...inputs], outputs, attributes, name));
        return outputs;
      },
      constant(what, tensor) {
        const wanted = `${weights}/${what}`;
        let name = wanted;
        for (let count = 1; taken.has(name); count++) {
          const other = graph.initializers.get(name);
          if (other && isSame(other as NumericTensor, tensor)) return name;
          name = `${wanted}_${count}`;
        }
        taken.add(name);
        graph.initializers.set(name, tensor);
        return name;
      },
      scalar: (what, value) => builder.constant(what, float32Tensor([], Float32Array.of(value))),
      integers: (what, values) => builder.constant(what, int64Tensor(values)),
      ordered(value, order) {
        if (value.flat) return builder.ordered(inKerasOrder(value, value.flat), order);
        if (sameOrder(value.order, order)) return value;
        const perm = order.map((axis) => value.order.indexOf(axis));
        const key = `${value.name} ${perm}`;
        const name = turned.get(key) ?? transposed(value, perm);
        turned.set(key, name);
        return { ...value, name, order };
      },
      plain: (value) => builder.ordered(value, identity(value.shape.length)),
      reshape(name, shape) {
        const unknown = shape.filter((size) => typeof size !== 'number').length;
        if (unknown > (typeof shape[0] === 'number' ? 1 : 2)) {
          throw new UnsupportedError(`Keras ${scope}: a reshape to [${shape}], where more than one size is open`);
        }
        const sizes = shape.map((size, axis) =>
          typeof size === 'number' ? size : axis === 0 && unknown === 2 ? 0 : -1,
        );
        return builder.emit('Reshape', [name, builder.integers('shape', sizes)]);
      },
      cast(value, dtype) {
        if (value.dtype === dtype) return value;
        return { ...value, dtype, name: builder.emit('Cast', [value.name], { to: int(DTYPES[dtype].code) }) };
      },
    };

    /** The tensor with axis i being axis `perm[i]` of the value's own. */
    const transposed = (value: KerasValue, perm: readonly number[]): string => {
      const constant = graph.initializers.get(value.name);
      if (constant && constant.dtype !== 'string') return builder.constant('turned', permuted(constant, perm));
      const before = keptShape(value);
      const moved = perm.filter((axis) => before[axis] !== 1);
      const after = perm.map((axis) => before[axis]!);
      const open = after.filter((size) => typeof size !== 'number').length;
      const keepsElements = moved.every((axis, index) => index === 0 || moved[index - 1]! < axis);
      // Sizes of 1 move for nothing, which a reshape says more plainly.
      if (keepsElements && open <= 1) return builder.reshape(value.name, after);
      return builder.emit('Transpose', [value.name], { perm: ints(perm) });
    };

    /** The value (N, features) with the features where Keras has them. */
    const inKerasOrder = (value: KerasValue, parts: readonly FlatPart[]): KerasValue => {
      const key = `${value.name} flat`;
      const known = turned.get(key);
      const name = known ?? (parts.length === 1 ? unflattened(value, parts[0]!) : gathered(value, parts));
      turned.set(key, name);
      const { flat: _, ...rest } = value;
      return { ...rest, name };
    };

    const unflattened = (value: KerasValue, { shape, order }: FlatPart): string => {
      const [batch = null, features = null] = value.shape;
      const axes = order.map((axis) => axis + 1);
      const image = builder.reshape(value.name, [batch, ...order.map((axis) => shape[axis]!)]);
      const plain = builder.plain({ name: image, dtype: value.dtype, shape: [batch, ...shape], order: [0, ...axes] });
      return builder.reshape(plain.name, [batch, features]);
    };

    const gathered = (value: KerasValue, parts: readonly FlatPart[]): string => {
      const places: number[] = [];
      featureOrder(parts).forEach((feature, place) => {
        places[feature] = place;
      });
      return builder.emit('Gather', [value.name, builder.integers('features', places)], { axis: int(1) });
    };

    return builder;
  };
  return inScope(name, name);
}

function isSame(a: NumericTensor, b: NumericTensor): boolean {
  if (a.dtype !== b.dtype || !sameOrder(a.shape, b.shape) || a.data.length !== b.data.length) return false;
  return a.data.every((byte, index) => byte === b.data[index]);
}
