/**
 * Moves a Pad of zeros around the image into the convolution behind it.
 */
import { intsAttribute, type Model, type Node, stringAttribute } from '../graph.ts';
import { type Inference, startInference } from '../shape-inference.ts';
import { allFromFront } from '../shapes/dims.ts';
import { isStandard, producersOf } from '../uses.ts';

/**
 * The padding of the spatial axes, all begins and then all ends, of an image with `rank` axes; `undefined` where the node
 * does anything but add zeros there.
 */
function spatialZeros(node: Node, rank: number, { constants, integers }: Inference): number[] | undefined {
  const [, padsName = '', valueName = '', axesName = ''] = node.inputs;
  if ((stringAttribute(node, 'mode') ?? 'constant') !== 'constant') return undefined;
  const value = constants.get(valueName);
  if (valueName !== '' && !(value && value.dtype !== 'string' && value.data.every((byte) => byte === 0)))
    return undefined;
  const given = axesName === '' ? Array.from({ length: rank }, (_, axis) => axis) : integers.get(axesName);
  const axes = given && allFromFront(given, rank);
  const pads = integers.get(padsName);
  if (!axes || pads?.length !== 2 * axes.length) return undefined;
  const all = new Array<number>(2 * rank).fill(0);
  for (const [index, axis] of axes.entries()) {
    all[axis] = Number(pads[index]);
    all[axis + rank] = Number(pads[index + axes.length]);
  }
  if (!all.every((pad) => Number.isInteger(pad) && pad >= 0)) return undefined;
  const untouched = [all[0], all[1], all[rank], all[rank + 1]];
  return untouched.every((pad) => pad === 0) ? [...all.slice(2, rank), ...all.slice(rank + 2)] : undefined;
}

/** Adds the padding before each Conv of the main graph to its own; returns how many changed. */
export function foldPads(model: Model): number {
  const inference = startInference(model);
  const producers = producersOf(model.graph);
  let folded = 0;
  for (const node of model.graph.nodes) {
    const pad = producers.get(node.inputs[0] ?? '');
    const rank = inference.types.get(node.inputs[1] ?? '')?.shape?.length;
    const autoPad = stringAttribute(node, 'auto_pad') ?? 'NOTSET';
    if (!pad || !isStandard(pad, 'Pad') || !isStandard(node, 'Conv') || rank === undefined) continue;
    if (autoPad !== 'NOTSET' && autoPad !== 'VALID') continue;
    const zeros = spatialZeros(pad, rank, inference);
    if (!zeros) continue;
    const own = autoPad === 'VALID' ? undefined : intsAttribute(node, 'pads');
    node.attributes.delete('auto_pad');
    node.attributes.set('pads', { type: 'ints', value: zeros.map((zero, index) => zero + (own?.[index] ?? 0)) });
    node.inputs = [pad.inputs[0]!, ...node.inputs.slice(1)];
    folded++;
  }
  return folded;
}
