/**
 * Which attributes of its nodes a file has to hold (SPEC.md, "Attributes"): what the op table gives as default is left
 * out, and so is what the last node of the same operator had.
 */
import type { Attribute, Node } from '../../src/graph/graph.ts';
import { type AttributeSpec, opSpec } from '../../src/graph/op-table.ts';
import type { AttributeSymbols, Attributes } from './attribute-code.ts';
import { patternSymbols } from './float-patterns-code.ts';
import { tensorSymbols } from './number-symbols.ts';

/** The attributes of each node that are no defaults, or `undefined` where they are those of the operator's last node. */
export function changedAttributes(nodes: readonly Node[]): (AttributeSymbols | undefined)[] {
  const last = new Map<string, Attributes>();
  return nodes.map(({ op, attributes }) => {
    const own = withoutDefaults(opSpec(op)!.attributes, attributes);
    if (same(own, last.get(op) ?? new Map())) return undefined;
    last.set(op, own);
    return new Map([...own].map(([name, attribute]) => [name, symbolsOf(attribute)]));
  });
}

function symbolsOf(attribute: Attribute): unknown {
  switch (attribute.type) {
    case 'float':
      return floatSymbols(attribute.value);
    case 'floats':
      return attribute.value.map(floatSymbols);
    case 'tensor': {
      const { dtype, shape } = attribute.value;
      return { dtype, shape, elements: tensorSymbols(attribute.value) };
    }
    default:
      return 'value' in attribute ? attribute.value : undefined;
  }
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
