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

/** The first axis of a filter's window: the axes before it are channels, which come in no order in an ordinary trained net. */
const WINDOW = 2;

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
    const own = options.start === 'trained' && !isPlain(weight) ? ownCoefficients(weight) : undefined;
    weights.push(own ? { ...weight, own } : weight);
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
  /** For a start from them, the few low frequencies that the weight was made of. */
  readonly own?: Support;
}

/** Whether a weight starts from its own numbers, and is not made of low frequencies. */
const isOrdinary = ({ own }: Weight, start: Start) => start === 'trained' && own === undefined;

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

function ownCoefficients(weight: Omit<Weight, 'own'>): Support | undefined {
  const { folded, size } = weight;
  const axes = longAxes(folded);
  const support = smallestSupport(transformed(weight, axes), folded, axes, SMOOTH);
  return support.size <= DENSE_PART * size ? support : undefined;
}

const longAxes = (folded: readonly number[]) => folded.flatMap((length, axis) => (length > 1 ? [axis] : []));

/**
 * How many coefficients each weight gets. Plain ones keep all of their numbers, and what is made of a few coefficients has those,
 * unless all of them are too many. Ordinary trained weights are thinned out alike.
 */
function shareOut(weights: readonly Weight[], { coefficients, allocation, start }: ParameterizeOptions): number[] {
  const made = weights.map(({ own }) => own?.size);
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
  const shareOf = (weight: Weight) => (isOrdinary(weight, start) ? weight.size : weight.size ** SIZE_EXPONENT);
  let shares = open.reduce((sum, weight) => sum + shareOf(weight), 0);
  const own = new Map<Weight, number>();
  // The smallest first, so that what they cannot use goes to the larger ones.
  for (const weight of open) {
    const share = shareOf(weight);
    const count = Math.min(weight.size, Math.max(FEWEST, Math.floor((left * share) / shares)));
    own.set(weight, count);
    left -= count;
    shares -= share;
  }
  return weights.map((weight, at) => counts[at] ?? own.get(weight)!);
}

function start(weight: Weight, count: number, options: ParameterizeOptions): Parameter {
  const { name, tensor, folded, size, role, own } = weight;
  const isWhole = isPlain(weight) || isOrdinary(weight, options.start) || count > DENSE_PART * size;
  const axes = axesOf(weight, count, options.start);
  const box = isWhole ? folded : (own?.shape ?? boxOf(folded, axes, Math.min(size, Math.ceil(ROOM * count))));
  const base = { name, dtype: tensor.dtype as FloatDType, shape: tensor.shape, folded, axes, box };
  if (options.start === 'fresh' && role.kind === 'weight') {
    const parameter = newParameter({ ...base, scale: freshScale(weight, isWhole ? size : count, role) }, count);
    if (!isPlain(weight)) {
      for (let at = 0; at < parameter.values.length; at++)
        if (parameter.live[at]) parameter.values[at] = options.random.normal();
    }
    return parameter;
  }
  const core = isWhole ? transformed(weight, axes) : gather(own!.values, own!.shape, box);
  const isLive = isWhole ? largest(core, count) : newParameter({ ...base, scale: 1 }, count).live;
  const energy = core.reduce((sum, value, at) => sum + (isLive[at] ? value * value : 0), 0);
  const scale = Math.sqrt(energy / count) || freshScale(weight, count, role);
  const parameter = newParameter({ ...base, scale }, isWhole ? size : count);
  parameter.live.set(isLive);
  for (let at = 0; at < core.length; at++) if (isLive[at]) parameter.values[at] = core[at]! / scale;
  return parameter;
}

/** The axes of the folded shape that the coefficients of a weight are frequencies along. */
function axesOf(weight: Weight, count: number, start: Start): number[] {
  if (isPlain(weight)) return [];
  if (isOrdinary(weight, start)) return longAxes(weight.folded).filter((axis) => axis >= WINDOW);
  return count > DENSE_PART * weight.size ? [] : longAxes(weight.folded);
}

function transformed({ tensor, folded }: Pick<Weight, 'tensor' | 'folded'>, axes: readonly number[]): Float64Array {
  const values = new Float64Array(toFloat32(tensor));
  dct(values, folded, axes);
  return values;
}

/** 1 for each of the `count` largest values, by magnitude. */
function largest(values: Float64Array, count: number): Uint8Array {
  const chosen = new Uint8Array(values.length);
  const order = Uint32Array.from(values, (_, at) => at).sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!));
  for (const at of order.subarray(0, count)) chosen[at] = 1;
  return chosen;
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
