/**
 * Code for a node's attributes (SPEC.md, "Attributes"): what the op table gives as default is left out, and what the
 * last node of the same operator had is said in one flag.
 */

import { FormatError } from '../../src/errors.ts';
import { DTYPES, type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import type { Attribute } from '../../src/graph/graph.ts';
import type { AttributeSpec, OpSpec } from '../../src/graph/op-table.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { floatPatternsCode } from './float-patterns-code.ts';
import { LIMITS } from './format.ts';
import { countCode, flagCode, intCode, perKey, textCode, treeCode } from './symbols.ts';
import { tensorCode } from './tensor-code.ts';

export type Attributes = Map<string, Attribute>;

/** Makes the code of all attributes of a node whose operator is known. */
export function attributesCode(coder: BitCoder): (spec: OpSpec, given: Attributes) => Attributes {
  const unchanged = perKey((_: string) => flagCode(coder));
  const present = perKey((_: string) => flagCode(coder));
  const ints = perKey((_: string) => intCode(coder));
  const counts = perKey((_: string) => countCode(coder, 'attribute values', LIMITS.list));
  const texts = textCode(coder);
  const patterns = floatPatternsCode(coder);
  const tensors = tensorCode(coder);
  const dtypes = treeCode(coder, 5);
  const last = new Map<string, Attributes>();

  const float = (value: number): number => {
    const word = patterns('float32', 1, new Uint32Array(Float32Array.of(value).buffer));
    return new Float32Array(word.buffer)[0]!;
  };

  const list = <T>(key: string, given: readonly T[] | undefined, item: (value: T) => T, none: T): T[] =>
    Array.from({ length: counts(key)(given?.length ?? 0) }, (_, at) => item(given?.[at] ?? none));

  const tensor = (key: string, given: Tensor | undefined): Tensor => {
    const code = dtypes(given ? DTYPES[given.dtype].code : 0);
    const dtype: DType | undefined = dtypeFromCode(code);
    if (!dtype) throw new FormatError('fqz', `element type ${code} is unknown`);
    const shape = list(key, given?.shape, ints(key), 0);
    const count = shape.reduce((product, size) => product * size, 1);
    if (shape.length > LIMITS.rank || shape.some((size) => size < 0) || !(count <= LIMITS.list)) {
      throw new FormatError('fqz', 'the shape of an attribute is damaged');
    }
    coder.countItems(count);
    return tensors(dtype, shape, given);
  };

  const value = (key: string, type: AttributeSpec['type'], given: Attribute | undefined): Attribute => {
    const source = given?.type === type ? given.value : undefined;
    switch (type) {
      case 'int':
        return { type, value: ints(key)((source as number) ?? 0) };
      case 'ints':
        return { type, value: list(key, source as number[], ints(key), 0) };
      case 'float':
        return { type, value: float((source as number) ?? 0) };
      case 'floats':
        return { type, value: list(key, source as number[], float, 0) };
      case 'string':
        return { type, value: texts((source as string) ?? '') };
      case 'strings':
        return { type, value: list(key, source as string[], texts, '') };
      case 'tensor':
        return { type, value: tensor(key, source as Tensor | undefined) };
    }
  };

  return (spec, given) => {
    const before = last.get(spec.op) ?? new Map();
    const attributes = coder.reading ? given : withoutDefaults(spec, given);
    if (spec.attributes.length === 0 || unchanged(spec.op)(sameAttributes(attributes, before))) return new Map(before);
    const read: Attributes = new Map();
    for (const { name, type } of spec.attributes) {
      const key = `${spec.op}.${name}`;
      const attribute = attributes.get(name);
      if (present(key)(attribute !== undefined)) read.set(name, value(key, type, attribute));
    }
    last.set(spec.op, read);
    return new Map(read);
  };
}

function withoutDefaults(spec: OpSpec, attributes: Attributes): Attributes {
  const kept: Attributes = new Map();
  for (const { name, default: standard } of spec.attributes) {
    const attribute = attributes.get(name);
    if (attribute && !isDefault(attribute, standard)) kept.set(name, attribute);
  }
  return kept;
}

function isDefault(attribute: Attribute, standard: AttributeSpec['default']): boolean {
  if (standard === undefined) return false;
  if (attribute.type === 'float') return Object.is(attribute.value, Math.fround(standard as number));
  if (attribute.type === 'int' || attribute.type === 'string') return attribute.value === standard;
  return false;
}

/** Tensors never count as the same, which costs little and spares a comparison. */
function sameAttributes(a: Attributes, b: Attributes): boolean {
  if (a.size !== b.size) return false;
  for (const [name, attribute] of a) {
    const other = b.get(name);
    if (!other || attribute.type === 'tensor' || other.type !== attribute.type) return false;
    if (JSON.stringify(comparable(attribute)) !== JSON.stringify(comparable(other))) return false;
  }
  return true;
}

/** The value as JSON tells it apart: NaN, infinities and −0 included. */
function comparable(attribute: Attribute): unknown {
  if (attribute.type === 'float') return String(Object.is(attribute.value, -0) ? '-0' : attribute.value);
  if (attribute.type === 'floats') return attribute.value.map((value) => (Object.is(value, -0) ? '-0' : String(value)));
  return attribute.type === 'reference' ? attribute.name : attribute.value;
}
