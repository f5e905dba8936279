/**
 * A node's attributes (SPEC.md, "Attributes"): what the last node of the same operator had is said in one flag.
 */
import type { Attribute } from '../../src/graph/graph.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import type { AttributeName, Operator } from '../../src/graph/vocabulary.ts';
import type { BitCoder } from './bit-coder.ts';
import { floatPatternsCode } from './float-patterns-code.ts';
import { atMost, MOST_AXES, MOST_ITEMS } from './format.ts';
import { count, dtypeSymbol, flag, int, text, times } from './symbols.ts';
import { exactTensor } from './tensor-code.ts';

export type Attributes = Map<string, Attribute>;

/** Makes the code of all attributes of a node whose operator is known. */
export function attributesCode(coder: BitCoder): (operator: Operator) => Attributes {
  const patterns = floatPatternsCode(coder);
  const last = new Map<string, Attributes>();

  const float = () => new Float32Array(patterns('attribute', 'float32', 1).buffer)[0]!;

  const list = <T>(key: string, item: () => T): T[] => times(count(coder, `values of ${key}`), item);

  const tensor = (key: string): Tensor => {
    const dtype = dtypeSymbol(coder, 'attribute type');
    const shape = list(key, () => int(coder, key));
    atMost(`axes of ${key}`, shape.length, MOST_AXES);
    const elements = shape.reduce((product, size) => (size < 0 ? Number.NaN : product * size), 1);
    coder.countItems(atMost(`elements of ${key}`, elements, MOST_ITEMS));
    return exactTensor(coder, patterns, 'attribute tensor', dtype, shape);
  };

  /** An attribute's value; the elements of a list are coded like what they are. */
  const value = (key: string, type: AttributeName['type']): unknown => {
    if (type === 'tensor') return tensor(key);
    const item = { i: () => int(coder, key), f: float, s: () => text(coder, 'attribute text') }[
      type[0] as 'i' | 'f' | 's'
    ];
    return type.endsWith('s') ? list<unknown>(key, item) : item();
  };

  return ({ op, attributes }) => {
    if (attributes.length === 0) return new Map();
    if (!flag(coder, `attributes of ${op} are as before`)) {
      const read: Attributes = new Map();
      for (const { name, type } of attributes) {
        const key = `${op}.${name}`;
        if (flag(coder, `${key} is given`)) read.set(name, { type, value: value(key, type) } as Attribute);
      }
      last.set(op, read);
    }
    return new Map(last.get(op));
  };
}
