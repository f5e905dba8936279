/**
 * Removes nodes that give back what they take: Identity, Dropout outside training, and casts, transposes, reshapes,
 * pads, slices and the like where their parameters or the shapes prove it.
 */
import { dtypeFromCode } from '../dtype.ts';
import { intAttribute, intsAttribute, type Model, type Node } from '../graph.ts';
import { isFloat, toNumbers } from '../numbers.ts';
import { type Inference, inferNode, startInference } from '../shape-inference.ts';
import { consumersOf, isStandard, outputNames, producersOf, renameUses } from '../uses.ts';

/** Whether the first output of a node is always its first input. */
type Proof = (node: Node, inference: Inference) => boolean;

const always: Proof = () => true;

const hasOneInput: Proof = ({ inputs }) => inputs.length === 1;

/** Both shapes known and the same, symbols included. */
const keepsShape: Proof = ({ inputs, outputs }, { types }) => {
  const before = types.get(inputs[0] ?? '')?.shape;
  const after = types.get(outputs[0] ?? '')?.shape;
  return (
    before !== undefined &&
    before.length === after?.length &&
    before.every((dim, axis) => dim !== null && dim === after[axis])
  );
};

/** Only the one dimension that a reshape leaves open may be unknown: the element count tells it. */
const keepsAllButOneDim: Proof = ({ inputs, outputs }, { types }) => {
  const before = types.get(inputs[0] ?? '')?.shape;
  const after = types.get(outputs[0] ?? '')?.shape;
  if (!before || before.length !== after?.length) return false;
  return before.filter((dim, axis) => dim === null || dim === 0 || dim !== after[axis]).length <= 1;
};

/** Input 1 is a constant whose elements are all `value`, and too small to widen the first input. */
const constantly =
  (value: number): Proof =>
  (node, inference) => {
    const tensor = inference.constants.get(node.inputs[1] ?? '');
    if (!tensor || tensor.dtype === 'string' || !isFloat(tensor.dtype)) return false;
    return (
      (tensor.shape.length === 0 || keepsShape(node, inference)) &&
      toNumbers(tensor).every((element) => element === value)
    );
  };

/** A slice of the whole; a step back would turn it around. */
const slicesNothingOff: Proof = (node, inference) => {
  const [, , , , steps = ''] = node.inputs;
  const forward =
    steps === '' || (inference.integers.get(steps)?.every((step) => typeof step === 'number' && step > 0) ?? false);
  return forward && keepsShape(node, inference);
};

const castsToSame: Proof = (node, { types }) => {
  const dtype = types.get(node.inputs[0] ?? '')?.dtype;
  return dtype !== undefined && dtype === dtypeFromCode(intAttribute(node, 'to', 0));
};

const permutesNothing: Proof = (node) => intsAttribute(node, 'perm')?.every((axis, index) => axis === index) ?? false;

const padsNothing: Proof = ({ inputs }, { integers }) =>
  integers.get(inputs[1] ?? '')?.every((pad) => pad === 0) ?? false;

const isNotTraining: Proof = ({ inputs, outputs }, { integers }) =>
  (outputs[1] ?? '') === '' && ((inputs[2] ?? '') === '' || integers.get(inputs[2]!)?.[0] === 0);

const PROOFS: Readonly<Record<string, Proof>> = {
  Identity: always,
  Dropout: isNotTraining,
  Cast: castsToSame,
  Transpose: permutesNothing,
  Pad: padsNothing,
  Reshape: keepsAllButOneDim,
  Flatten: keepsShape,
  Squeeze: keepsShape,
  Unsqueeze: keepsShape,
  Slice: slicesNothingOff,
  Expand: keepsShape,
  Tile: keepsShape,
  Concat: hasOneInput,
  Sum: hasOneInput,
  Max: hasOneInput,
  Min: hasOneInput,
  Mean: hasOneInput,
  Mul: constantly(1),
  Div: constantly(1),
  Add: constantly(0),
  Sub: constantly(0),
};

/**
 * Removes every node of the main graph that provably does nothing; returns how many. One that joins an input or an
 * initialiser of the graph to an output stays, because an output must be some node's.
 */
export function removeNoOps(model: Model): number {
  const { graph } = model;
  const inference = startInference(model);
  const outputs = outputNames(graph);
  const producers = producersOf(graph);
  const consumers = consumersOf(graph);
  const names = new Map<string, string>();
  const before = graph.nodes.length;
  graph.nodes = graph.nodes.filter((node) => {
    inferNode(inference, node);
    const isProven = isStandard(node, node.op) && Object.hasOwn(PROOFS, node.op) && PROOFS[node.op]!(node, inference);
    if (!isProven) return true;
    const [output = ''] = node.outputs;
    const input = names.get(node.inputs[0] ?? '') ?? node.inputs[0] ?? '';
    if (!outputs.has(output)) {
      names.set(output, input);
      return false;
    }
    const producer = producers.get(input);
    if (!producer || outputs.has(input)) return true;
    // The maker of the input takes the output's name, and so do all who use the input.
    producer.outputs = producer.outputs.map((name) => (name === input ? output : name));
    producers.set(output, producer);
    for (const [from, to] of names) if (to === input) names.set(from, output);
    if (consumers.has(input)) names.set(input, output);
    return false;
  });
  renameUses(graph, names);
  return before - graph.nodes.length;
}
