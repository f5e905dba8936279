/**
 * What a shape rule sees of a node and what it answers.
 */
import type { DType } from '../dtype.ts';
import { type Dim, intAttribute, intsAttribute, type Node, stringAttribute } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import type { Shape, TensorType } from './dims.ts';

/** One node together with what is known of its inputs. An absent optional input is unknown in every respect. */
export interface Application {
  readonly node: Node;
  /** Version of the default operator set. */
  readonly opset: number;
  readonly inputs: readonly (TensorType | undefined)[];
  /** Elements of input `index` where it is a small integer tensor whose elements are known at least as symbols. */
  integers(index: number): Shape | undefined;
  /** Input `index` where it is a constant. */
  constant(index: number): Tensor | undefined;
}

/** The outputs' types in order; `undefined` or missing where nothing is known. */
export type Rule = (application: Application) => readonly (TensorType | undefined)[];

/** Rules by operator of the default domain. */
export type Rules = Readonly<Record<string, Rule>>;

export const shapeOf = ({ inputs }: Application, index: number): Shape | undefined => inputs[index]?.shape;
export const dtypeOf = ({ inputs }: Application, index: number): DType | undefined => inputs[index]?.dtype;
export const isGiven = ({ node }: Application, index: number): boolean => (node.inputs[index] ?? '') !== '';

export const int = ({ node }: Application, name: string, fallback: number): number =>
  intAttribute(node, name, fallback);
export const ints = ({ node }: Application, name: string): number[] | undefined => intsAttribute(node, name);
export const string = ({ node }: Application, name: string): string | undefined => stringAttribute(node, name);

/** A type, or `undefined` where not even the element type is known. */
export function typed(dtype: DType | undefined, shape: readonly Dim[] | undefined): TensorType | undefined {
  if (!dtype) return undefined;
  return shape ? { dtype, shape } : { dtype };
}

/** The one output has the type of the first input. */
export const sameAsFirst: Rule = ({ inputs }) => [inputs[0]];
