/**
 * Reads node attributes (AttributeProto).
 */
import { FormatError } from '../../src/errors.ts';
import type { Attribute, AttributeType, Graph } from '../../src/graph/graph.ts';
import type { ExternalReader } from './external.ts';
import { ATTRIBUTE, ATTRIBUTE_TYPES } from './fields.ts';
import { quote } from './quote.ts';
import { readSparseTensor, readTensor } from './read-tensor.ts';
import { readType } from './read-type.ts';
import {
  bytesOf,
  type Field,
  fields,
  float,
  floats,
  integer,
  integers,
  type Message,
  messageIn,
  safeInteger,
  text,
  textIfValid,
  unmodelled,
} from './wire-read.ts';

/** Reads a subgraph. A parameter, because graphs hold attributes and attributes hold graphs. */
export type GraphReader = (message: Message, external: ExternalReader) => Graph;

const TYPES = Object.keys(ATTRIBUTE_TYPES) as AttributeType[];

/**
 * Reads an attribute. Where the file leaves out its type, as IR versions 1 and 2 may, the field that holds a value
 * tells it. Values of other types than the attribute's are kept in `unmodelled`. Throws `FormatError`.
 */
export function readAttribute(
  message: Message,
  external: ExternalReader,
  readGraph: GraphReader,
): { name: string; attribute: Attribute } {
  let name = '';
  let code = 0;
  let reference = '';
  const others: Field[] = [];
  for (const field of fields(message)) {
    if (field.number === ATTRIBUTE.name) name = text(field);
    else if (field.number === ATTRIBUTE.type) code = safeInteger(field, 'an attribute type');
    else if (field.number === ATTRIBUTE.referenceName) reference = text(field);
    else others.push(field);
  }
  const fail = (problem: string): never => {
    throw new FormatError('ONNX', `attribute ${quote(name)} ${problem}`, message.start);
  };
  const type = code === 0 ? inferType(others) : TYPES.find((candidate) => ATTRIBUTE_TYPES[candidate].code === code);
  if (!type) return fail(code === 0 ? 'has neither a type nor one value' : `has the unknown type ${code}`);
  if (reference) return { name, attribute: { type: 'reference', name: reference, of: type, ...unmodelled(others) } };

  const values = others.filter((field) => field.number === ATTRIBUTE_TYPES[type].field);
  const rest = unmodelled(others.filter((field) => !values.includes(field)));
  const last = values.at(-1);
  const required = (): Field => last ?? fail(`is said to be a ${type} but has no value`);
  const tensor = (field: Field) => readTensor(messageIn(field), external, 'attribute').tensor;
  const sparseTensor = (field: Field) => readSparseTensor(messageIn(field), external, 'attribute').tensor;
  const graph = (field: Field) => readGraph(messageIn(field), external);
  const valueType = (field: Field) => readType(messageIn(field));

  // Writers of the proto3 flavour leave out a number that is zero and a string that is empty.
  const read = (): Attribute => {
    switch (type) {
      case 'float':
        return { type, value: last ? float(last) : 0 };
      case 'int':
        return { type, value: last ? integer(last) : 0 };
      case 'string':
        return { type, value: last ? textOrBytes(last) : '' };
      case 'tensor':
        return { type, value: tensor(required()) };
      case 'sparse-tensor':
        return { type, value: sparseTensor(required()) };
      case 'graph':
        return { type, value: graph(required()) };
      case 'type':
        return { type, value: valueType(required()) };
      case 'floats':
        return { type, value: values.flatMap(floats) };
      case 'ints':
        return { type, value: values.flatMap((field) => [...integers(field)]) };
      case 'strings':
        return { type, value: values.map(textOrBytes) };
      case 'tensors':
        return { type, value: values.map(tensor) };
      case 'sparse-tensors':
        return { type, value: values.map(sparseTensor) };
      case 'graphs':
        return { type, value: values.map(graph) };
      case 'types':
        return { type, value: values.map(valueType) };
    }
  };
  return { name, attribute: { ...read(), ...rest } };
}

/** The only type whose field is there, or `undefined`. */
function inferType(found: readonly Field[]): AttributeType | undefined {
  const filled = TYPES.filter((type) => found.some((field) => field.number === ATTRIBUTE_TYPES[type].field));
  return filled.length === 1 ? filled[0] : undefined;
}

function textOrBytes(field: Field): string | Uint8Array {
  return textIfValid(field) ?? bytesOf(field);
}
