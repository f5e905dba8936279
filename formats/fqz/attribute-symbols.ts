/**
 * Which attributes of its nodes a file has to hold, and their symbols (SPEC.md, "Attributes"): what the op table gives as
 * default is left out, and so is what the last node of the same operator had.
 */
import { DTYPES } from '../../src/graph/dtype.ts';
import type { Attribute, Node } from '../../src/graph/graph.ts';
import { type AttributeSpec, opSpec } from '../../src/graph/op-table.ts';
import type { Attributes } from './attribute-code.ts';
import { patternSymbols, tensorSymbols } from './number-symbols.ts';
import { folded, type Symbols, textSymbols } from './written-symbols.ts';

/** Makes the symbols of attributes, one node after another. */
export function attributeSymbols(): (node: Node) => Symbols {
  const last = new Map<string, Attributes>();
  return function* ({ op, attributes }) {
    const known = opSpec(op)!.attributes;
    if (known.length === 0) return;
    const own = withoutDefaults(known, attributes);
    const isSame = same(own, last.get(op) ?? new Map());
    yield Number(isSame);
    if (isSame) return;
    last.set(op, own);
    for (const { name } of known) {
      const attribute = own.get(name);
      yield Number(attribute !== undefined);
      if (attribute) yield symbolsOf(attribute);
    }
  };
}

function* symbolsOf(attribute: Attribute): Symbols {
  switch (attribute.type) {
    case 'int':
      yield folded(attribute.value as number);
      break;
    case 'float':
      yield floatSymbols(attribute.value);
      break;
    case 'string':
      yield textSymbols(attribute.value as string);
      break;
    case 'ints':
      yield list(attribute.value as number[], (value) => [folded(value)]);
      break;
    case 'floats':
      yield list(attribute.value, floatSymbols);
      break;
    case 'strings':
      yield list(attribute.value as string[], textSymbols);
      break;
    case 'tensor':
      yield DTYPES[attribute.value.dtype].code;
      yield list(attribute.value.shape, (size) => [folded(size)]);
      yield tensorSymbols(attribute.value);
  }
}

function* list<T>(values: readonly T[], symbols: (value: T) => Symbols): Symbols {
  yield values.length;
  for (const value of values) yield symbols(value);
}

const floatSymbols = (value: number) => patternSymbols('float32', new Uint32Array(Float32Array.of(value).buffer));

function withoutDefaults(specs: readonly AttributeSpec[], attributes: Attributes): Attributes {
  const kept: Attributes = new Map();
  for (const { name, default: standard } of specs) {
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
function same(a: Attributes, b: Attributes): boolean {
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
