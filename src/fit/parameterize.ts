/**
 * Which weights of a model are trained, as which cores, with how many coefficients each, and where they start.
 */
import { dct } from '../codec/dct.ts';
import { gather, type Support, smallestSupport } from '../codec/support.ts';
import { type WeightRole, weightRoles } from '../codec/weight-roles.ts';
import { forEachInZigzag } from '../codec/zigzag.ts';
import type { Model } from '../graph/graph.ts';
import { type FloatDType, isFloat, toFloat32 } from '../graph/numbers.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import { isStandard } from '../graph/uses.ts';
import { newParameter, type Parameter } from './parameter.ts';
import type { Random } from './random.ts';

/** `trained`: the model's own coefficients; `fresh`: random ones. */
export type Start = 'trained' | 'fresh';

export interface ParameterizeOptions {
  /** Coefficients of all weights together. */
  coefficients: number;
  start: Start;
  /** Whether biases are trained and kept; otherwise they are dropped from the graph. */
  biases: boolean;
  random: Random;
  /** Coefficients by weight, for those that are given; the rest is shared out among the others. */
  allocation?: ReadonlyMap<string, number>;
}

/**
 * Coefficients go to weights as a power of their size: the allocation of 60, 200, 396 and 120 that suits LeNet-5's weights
 * of 500, 25,000, 400,000 and 5,000 numbers has this exponent.
 */
const SIZE_EXPONENT = 0.28;

/** Fewest coefficients of a matrix or filter. */
const FEWEST = 4;

/** What may be a constant and no weight is trained from so many elements on: what is smaller costs little as it is. */
const FEWEST_AMBIGUOUS = 64;

/** The box has room for a support larger by this factor, so that coefficients can move. */
const ROOM = 1.5;

/** A support of more than this part of a tensor is better spent on the numbers themselves. */
const DENSE_PART = 0.5;

/** Fresh coefficients are drawn for weights of this part of He's deviation: at 1, the first steps diverge. */
const FRESH_GAIN = 0.3;

/** A weight that so few low frequencies explain, up to this relative error, was made of them: they are its support. */
const SMOOTH = 1e-3;

/** Biases are trained in units of this: that of a typical activation. */
const BIAS_SCALE = 0.1;

/**
 * Takes the trainable weights of `model` for parameters and removes, where `biases` is false, the biases of its layers; edits
 * `model` in place. Initialisers that stay in the graph are not trained.
 *
 * @throws {RangeError} where there are fewer coefficients than weights need
 */
export function parameterize(model: Model, options: ParameterizeOptions): Parameter[] {
  if (!options.biases) dropBiases(model);
  const roles = weightRoles(model);
  const biases = new Set(biasUses(model).map((node) => node.inputs[2]!));
  const weights: Weight[] = [];
  for (const [name, tensor] of model.graph.initializers) {
    const role = roles.get(name);
    const size = elementCount(tensor.shape);
    if (!role || !isFloat(tensor.dtype) || (role.kind === 'ambiguous' && size < FEWEST_AMBIGUOUS)) continue;
    const weight = { name, tensor, role, folded: role.folded ?? tensor.shape, size };
    // Norms that were trained without scale and shift are written with ones and zeros.
    if (isPlain(weight) && isUniform(tensor) && !biases.has(name)) continue;
    weights.push(
      options.start === 'trained' && !isPlain(weight) ? { ...weight, own: ownCoefficients(weight) } : weight,
    );
  }
  const counts = shareOut(weights, options);
  return weights.map((weight, at) => start(weight, counts[at]!, options));
}

interface Weight {
  readonly name: string;
  readonly tensor: Tensor;
  readonly role: WeightRole;
  readonly folded: readonly number[];
  readonly size: number;
  /** For a start from them, the coefficients that the weight is made of: all, or the few that it was made of. */
  readonly own?: Support;
}

/** Whether a weight is trained as the numbers that it is: vectors, and what is added or multiplied, such as embeddings of places. */
const isPlain = ({ folded, role }: Pick<Weight, 'folded' | 'role'>) =>
  role.kind === 'ambiguous' || folded.filter((size) => size > 1).length < 2;

function isUniform(tensor: Tensor): boolean {
  const values = toFloat32(tensor);
  return values.every((value) => value === values[0]);
}

/** Elements of the biases that `parameterize` would drop. */
export function biasElements(model: Model): number {
  const names = new Set(biasUses(model).map((node) => node.inputs[2]!));
  return [...names].reduce((sum, name) => sum + elementCount(model.graph.initializers.get(name)!.shape), 0);
}

function biasUses({ graph }: Model) {
  return graph.nodes.filter(
    (node) => isStandard(node, 'Conv', 'ConvTranspose', 'Gemm') && graph.initializers.has(node.inputs[2] ?? ''),
  );
}

function dropBiases(model: Model): void {
  const { graph } = model;
  const dropped = new Set<string>();
  for (const node of biasUses(model)) dropped.add(node.inputs.splice(2, 1)[0]!);
  const used = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  for (const name of dropped) if (!used.has(name)) graph.initializers.delete(name);
}

function ownCoefficients({ tensor, folded, size }: Weight): Support {
  const values = new Float64Array(toFloat32(tensor));
  const axes = longAxes(folded);
  dct(values, folded, axes);
  const support = smallestSupport(values, folded, axes, SMOOTH);
  return support.size <= DENSE_PART * size ? support : { shape: folded, values, size };
}

const longAxes = (folded: readonly number[]) => folded.flatMap((length, axis) => (length > 1 ? [axis] : []));

/**
 * How many coefficients each weight gets. Plain ones keep all of their numbers, and what is made of a few coefficients has those,
 * unless all of them are too many.
 */
function shareOut(weights: readonly Weight[], { coefficients, allocation }: ParameterizeOptions): number[] {
  const made = weights.map((weight) => (weight.own && weight.own.size < weight.size ? weight.own.size : undefined));
  const fits = made.reduce<number>((sum, count) => sum + (count ?? 0), 0) <= coefficients;
  const counts = weights.map((weight, at) =>
    isPlain(weight) ? weight.size : (allocation?.get(weight.name) ?? (fits ? made[at] : undefined)),
  );
  const open = weights.filter((_, at) => counts[at] === undefined).sort((a, b) => a.size - b.size);
  let left = coefficients - counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  if (left < FEWEST * open.length) {
    throw new RangeError(
      `${coefficients} coefficients are too few: ${weights.length} weights need ${coefficients - left + FEWEST * open.length}`,
    );
  }
  let shares = open.reduce((sum, { size }) => sum + size ** SIZE_EXPONENT, 0);
  const own = new Map<Weight, number>();
  // The smallest first, so that what they cannot use goes to the larger ones.
  for (const weight of open) {
    const share = weight.size ** SIZE_EXPONENT;
    const count = Math.min(weight.size, Math.max(FEWEST, Math.floor((left * share) / shares)));
    own.set(weight, count);
    left -= count;
    shares -= share;
  }
  return weights.map((weight, at) => counts[at] ?? own.get(weight)!);
}

function start(weight: Weight, count: number, { start, random }: ParameterizeOptions): Parameter {
  const { name, tensor, folded, size, role, own } = weight;
  const plain = isPlain(weight) || count > DENSE_PART * size;
  const axes = plain ? [] : longAxes(folded);
  const box = plain
    ? folded
    : own && own.size < size
      ? own.shape
      : boxOf(folded, axes, Math.min(size, Math.ceil(ROOM * count)));
  const base = { name, dtype: tensor.dtype as FloatDType, shape: tensor.shape, folded, axes, box };
  if (start === 'fresh' && role.kind === 'weight') {
    const parameter = newParameter({ ...base, scale: freshScale(weight, plain ? size : count, role) }, count);
    if (!isPlain(weight)) {
      for (let at = 0; at < parameter.values.length; at++)
        if (parameter.live[at]) parameter.values[at] = random.normal();
    }
    return parameter;
  }
  const core = plain ? Float64Array.from(toFloat32(tensor)) : gather(own!.values, own!.shape, box);
  const kept = newParameter({ ...base, scale: 1 }, count).live;
  const energy = core.reduce((sum, value, at) => sum + (kept[at] ? value * value : 0), 0);
  const scale = Math.sqrt(energy / kept.reduce((sum, flag) => sum + flag, 0)) || freshScale(weight, count, role);
  const parameter = newParameter({ ...base, scale }, count);
  for (let at = 0; at < core.length; at++) if (parameter.live[at]) parameter.values[at] = core[at]! / scale;
  return parameter;
}

/**
 * The scale at which coefficients of variance 1 make weights of FRESH_GAIN times He's deviation √(2 / fan-in) (He et al. 2015),
 * by Parseval.
 */
function freshScale(weight: Weight, count: number, { outputAxis }: WeightRole): number {
  if (isPlain(weight)) return BIAS_SCALE;
  const { folded, size } = weight;
  const fanIn = size / folded[outputAxis ?? 0]!;
  return FRESH_GAIN * Math.sqrt(2 / fanIn) * Math.sqrt(size / count);
}

/** The smallest corner that holds the first `count` frequencies in zigzag order. */
function boxOf(shape: readonly number[], axes: readonly number[], count: number): number[] {
  const box = shape.map(() => 1);
  forEachInZigzag(shape, axes, count, (_, index) => {
    for (const axis of axes) box[axis] = Math.max(box[axis]!, index[axis]! + 1);
  });
  return box;
}
