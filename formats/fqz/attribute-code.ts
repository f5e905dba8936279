/**
 * Code for a node's attributes (SPEC.md, "Attributes"): what the last node of the same operator had is said in one flag.
 */
import type { DType } from '../../src/graph/dtype.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import type { AttributeName, Operator } from '../../src/graph/vocabulary.ts';
import type { BitCoder } from './bit-coder.ts';
import { floatPatternsCode, type PatternSymbols } from './float-patterns-code.ts';
import { damaged, LIMITS } from './format.ts';
import { type Code, countCode, dtypeCode, flagCode, intCode, perKey, textCode, times } from './symbols.ts';
import { type TensorSymbols, tensorCode } from './tensor-code.ts';

export type Attributes = Map<string, Attribute>;

/** A tensor among `AttributeSymbols`. */
export interface AttributeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly elements: TensorSymbols;
}

/**
 * What a file says of attributes, by name: an `AttributeTensor`, `PatternSymbols` for a float, the value itself for a
 * number or a string, a list of these for a list.
 */
export type AttributeSymbols = ReadonlyMap<string, unknown>;

/**
 * Makes the code of all attributes of a node whose operator is known. A writer gives none where they are as at the last
 * node of this operator.
 */
export function attributesCode(coder: BitCoder): (operator: Operator, given?: AttributeSymbols) => Attributes {
  const unchanged = perKey(() => flagCode(coder));
  const present = perKey(() => flagCode(coder));
  const ints = perKey(() => intCode(coder));
  const counts = perKey(() => countCode(coder, 'attribute values', LIMITS.list));
  const text = textCode(coder);
  const patterns = floatPatternsCode(coder);
  const tensors = tensorCode(coder);
  const dtype = dtypeCode(coder);
  const last = new Map<string, Attributes>();

  const float = (given?: PatternSymbols): number => new Float32Array(patterns('float32', 1, given).buffer)[0]!;

  const list = <T, S>(key: string, item: (symbol?: S) => T, given?: readonly S[]): T[] =>
    times(counts(key)(given?.length), (at) => item(given?.[at]));

  const tensor = (key: string, given?: AttributeTensor): Tensor => {
    const type = dtype(given?.dtype);
    const shape = list(key, ints(key), given?.shape);
    const count = shape.reduce((product, size) => (size < 0 ? Number.NaN : product * size), 1);
    if (shape.length > LIMITS.rank || !(count <= LIMITS.list)) throw damaged('an attribute has no shape');
    coder.countItems(count);
    return tensors(type, shape, given?.elements);
  };

  /** An attribute's value; the elements of a list are coded like what they are. */
  const value = (key: string, type: AttributeName['type'], given: unknown): unknown => {
    if (type === 'tensor') return tensor(key, given as AttributeTensor);
    const item = { i: ints(key), f: float, s: text }[type[0]!] as Code<unknown>;
    return type.endsWith('s') ? list(key, item, given as unknown[]) : item(given);
  };

  return ({ op, attributes }, given) => {
    if (attributes.length === 0) return new Map();
    if (!unchanged(op)(!given)) {
      const read: Attributes = new Map();
      for (const { name, type } of attributes) {
        const key = `${op}.${name}`;
        if (present(key)(given?.has(name))) {
          read.set(name, { type, value: value(key, type, given?.get(name)) } as Attribute);
        }
      }
      last.set(op, read);
    }
    return new Map(last.get(op));
  };
}
