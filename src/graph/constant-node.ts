/**
 * The value of ONNX's Constant operator, in whichever of its attributes it stands.
 */
import type { Attribute, Node } from './graph.ts';
import { fromFloats } from './numbers.ts';
import { numericTensor, type Tensor } from './tensor.ts';

const toBytes = (text: string | Uint8Array): Uint8Array =>
  typeof text === 'string' ? new TextEncoder().encode(text) : text;

function int64(values: readonly (number | bigint)[], shape: readonly number[]): Tensor {
  return numericTensor('int64', shape, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
}

function tensorOf(attribute: Attribute): Tensor | undefined {
  switch (attribute.type) {
    case 'tensor':
      return attribute.value;
    case 'float':
      return fromFloats('float32', [], [attribute.value]);
    case 'floats':
      return fromFloats('float32', [attribute.value.length], attribute.value);
    case 'int':
      return int64([attribute.value], []);
    case 'ints':
      return int64(attribute.value, [attribute.value.length]);
    case 'string':
      return { dtype: 'string', shape: [], strings: [toBytes(attribute.value)] };
    case 'strings':
      return { dtype: 'string', shape: [attribute.value.length], strings: attribute.value.map(toBytes) };
    default:
      return undefined;
  }
}

/** What a Constant node gives; `undefined` for other nodes, and for a sparse value or one that a function's call sets. */
export function constantValue(node: Node): Tensor | undefined {
  if (node.op !== 'Constant' || (node.domain !== '' && node.domain !== 'ai.onnx')) return undefined;
  const [attribute] = node.attributes.values();
  return attribute && tensorOf(attribute);
}
