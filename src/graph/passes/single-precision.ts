/**
 * Brings a graph to float32 throughout: for sums and gradients that float16 cannot hold, and operators that engines have for float32
 * only.
 */
import { DTYPES, dtypeFromCode, isFloat } from '../dtype.ts';
import type { Attribute, Graph, Model, ValueType } from '../graph.ts';
import { toFloat32 } from '../numbers.ts';
import { float32Tensor, type Tensor } from '../tensor.ts';

/** Attributes that name the element type of an output. */
const TYPE_ATTRIBUTES = ['to', 'dtype'];

/**
 * A copy of `model` whose inputs, constants and casts of any float type are of float32; what is of float32 already is shared with
 * `model`. Feeds have to be brought to float32 likewise (`singlePrecisionTensor`). Subgraphs and functions are not touched.
 */
export function singlePrecision(model: Model): Model {
  const { graph } = model;
  const single: Graph = {
    ...graph,
    inputs: graph.inputs.map((value) => ({ ...value, ...(value.type && { type: singleType(value.type) }) })),
    outputs: graph.outputs.map((value) => ({ ...value, ...(value.type && { type: singleType(value.type) }) })),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, singlePrecisionTensor(tensor)])),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: [...node.inputs],
      outputs: [...node.outputs],
      attributes: new Map([...node.attributes].map(([name, attribute]) => [name, singleAttribute(name, attribute)])),
    })),
    // Types of inner values may be of the precision that was.
    values: new Map(),
  };
  return { ...model, graph: single };
}

/** A tensor of any float type as float32; any other as it is. */
export function singlePrecisionTensor(tensor: Tensor): Tensor {
  return isFloat(tensor.dtype) && tensor.dtype !== 'float32' ? float32Tensor(tensor.shape, toFloat32(tensor)) : tensor;
}

function singleType(type: ValueType): ValueType {
  return type.kind === 'tensor' && isFloat(type.dtype) ? { ...type, dtype: 'float32' } : type;
}

function singleAttribute(name: string, attribute: Attribute): Attribute {
  if (attribute.type === 'tensor') return { ...attribute, value: singlePrecisionTensor(attribute.value) };
  if (attribute.type !== 'int' || !TYPE_ATTRIBUTES.includes(name)) return attribute;
  const dtype = dtypeFromCode(Number(attribute.value));
  return dtype && isFloat(dtype) ? { ...attribute, value: DTYPES.float32.code } : attribute;
}
