/**
 * What this project knows of each ONNX operator. The table is the vocabulary of the compact graph coding
 * (formats/fqz/SPEC.md), so entries are only ever appended: an operator's position is its number in a file.
 */
import type { AttributeType } from './graph.ts';

/** Value of an attribute that a node does not set, where ONNX defines one. */
export type AttributeDefault = number | string | readonly number[];

export interface AttributeSpec {
  readonly name: string;
  readonly type: Extract<AttributeType, 'float' | 'int' | 'string' | 'floats' | 'ints' | 'strings' | 'tensor'>;
  /** ONNX's default; `undefined` where an absent attribute means something of its own. */
  readonly default?: AttributeDefault;
}

export interface OpSpec {
  readonly op: string;
  /** In the order of the file format; only appended to. */
  readonly attributes: readonly AttributeSpec[];
  /** Input positions whose constants are weights: they may be stored with loss. */
  readonly weights: readonly number[];
}
