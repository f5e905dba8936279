/**
 * The tensor network: every stored weight is `einsum(expression, operands)`.
 *
 * Plain quantised weights, the N-D DCT of Frequency Regularization (Zhao et al. 2023, arXiv 2304.07973, section 3),
 * low rank, Tucker, CP and matrix product states are all expressions over three kinds of operand, so that the file
 * format, the planner and the runtime know one thing only.
 */
import { contract, type Labelled, parseExpression, permute, sampleCosines } from './einsum.ts';

/** Numbers that the file carries, dense and row-major over `shape`: integers times a step. */
export interface QuantizedOperand {
  readonly kind: 'quantized';
  readonly shape: readonly number[];
  readonly levels: Int32Array;
  /** Value of level 1; positive. */
  readonly step: number;
}

/** Numbers that the file carries as floating point, dense and row-major over `shape`. */
export interface FloatOperand {
  readonly kind: 'float';
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** The precision that the file keeps; every value is exactly representable in it. */
  readonly precision: 'float16' | 'float32';
}

/** The first `count` rows of the orthonormal DCT-II matrix of size `size`: shape (count, size). Costs no bytes. */
export interface CosineOperand {
  readonly kind: 'cosine';
  readonly count: number;
  readonly size: number;
}

/** Operands that carry numbers of their own. */
export type CodedOperand = QuantizedOperand | FloatOperand;
export type Operand = CodedOperand | CosineOperand;

/**
 * A tensor of shape `shape` as a network. In `expression`, one letter names one axis, as in einsum:
 * `abcd,ao,bi,cu,dv->oiuv` is a core with four cosines.
 */
export interface TensorNetwork {
  readonly expression: string;
  readonly operands: readonly Operand[];
  readonly shape: readonly number[];
}

/** The network that has no structure: the quantised or rounded numbers themselves. */
export function plainNetwork(operand: CodedOperand): TensorNetwork {
  const letters = RESULT_LETTERS.slice(0, operand.shape.length);
  return { expression: `${letters}->${letters}`, operands: [operand], shape: operand.shape };
}

/**
 * The network of a DCT over some axes: `core` holds the frequencies of the axes in `axes` and the elements of the
 * others (Zhao et al. 2023, equation 3, where all axes are transformed).
 */
export function dctNetwork(core: CodedOperand, shape: readonly number[], axes: readonly number[]): TensorNetwork {
  const letters = [...RESULT_LETTERS.slice(0, shape.length)];
  const coreLetters = letters.map((letter, axis) => (axes.includes(axis) ? FREQUENCY_LETTERS[axis]! : letter));
  const cosines = axes.map((axis) => `${coreLetters[axis]}${letters[axis]}`);
  return {
    expression: `${[coreLetters.join(''), ...cosines].join(',')}->${letters.join('')}`,
    operands: [
      core,
      ...axes.map((axis): CosineOperand => ({ kind: 'cosine', count: core.shape[axis]!, size: shape[axis]! })),
    ],
    shape,
  };
}

const RESULT_LETTERS = 'oiuvwxyz';
const FREQUENCY_LETTERS = 'abcdefgh';

/** Most axes that a network's result may have. */
export const LARGEST_RANK = RESULT_LETTERS.length;

/** Shape of any operand. */
export function operandShape(operand: Operand): readonly number[] {
  return operand.kind === 'cosine' ? [operand.count, operand.size] : operand.shape;
}

/** The numbers that a coded operand stands for. */
export function operandValues(operand: CodedOperand): Float64Array {
  return operand.kind === 'float'
    ? Float64Array.from(operand.values)
    : Float64Array.from(operand.levels, (level) => level * operand.step);
}

/** Numbers other than zero that a network's operands carry. */
export function coefficientCount({ operands }: TensorNetwork): number {
  let count = 0;
  for (const operand of operands) {
    if (operand.kind === 'cosine') continue;
    for (const number of operand.kind === 'float' ? operand.values : operand.levels) if (number !== 0) count++;
  }
  return count;
}

/** The letters of a network's operands, and which of them stand for frequencies, along which coefficients fall off. */
export interface NetworkAxes {
  /** Letters of each operand. */
  readonly letters: readonly string[];
  /** Letters that a cosine operand turns into another; key: frequency letter, value: the letter of the result. */
  readonly cosines: ReadonlyMap<string, { to: string; size: number }>;
}

/** Which letters of the network's expression stand for frequencies. */
export function cosineAxes(network: TensorNetwork): NetworkAxes {
  const { operands: letters } = parseExpression(network.expression);
  const cosines = new Map<string, { to: string; size: number }>();
  network.operands.forEach((operand, at) => {
    if (operand.kind === 'cosine') cosines.set(letters[at]![0]!, { to: letters[at]![1]!, size: operand.size });
  });
  return { letters, cosines };
}

/**
 * The dense tensor, row-major over `network.shape`: `einsum(expression, operands)`.
 *
 * The coded operands are contracted from left to right; then each cosine widens its axis, the one that widens least
 * first, so that the arrays stay small until the last step.
 */
export function expandNetwork(network: TensorNetwork): Float64Array {
  return contractNetwork(network, parseExpression(network.expression).result).values;
}

/**
 * The network contracted only as far as the axes named in `letters` (in that order): an axis given by its frequency
 * letter stays in the frequency domain. With the result's own letters this is the dense tensor.
 */
export function contractNetwork(network: TensorNetwork, letters: string): Labelled {
  const { letters: operandLetters, cosines } = cosineAxes(network);
  const coded = network.operands.flatMap((operand, at): Labelled[] =>
    operand.kind === 'cosine'
      ? []
      : [{ letters: operandLetters[at]!, shape: operand.shape, values: operandValues(operand) }],
  );
  let result = coded[0]!;
  for (let at = 1; at < coded.length; at++) {
    const later = coded.slice(at + 1).map((array) => array.letters);
    result = contract(result, coded[at]!, [letters, ...cosines.keys(), ...later].join(''));
  }
  const widening = [...cosines].filter(([from]) => !letters.includes(from));
  widening.sort(([a, { size: m }], [b, { size: n }]) => m / axisSize(result, a) - n / axisSize(result, b));
  for (const [from, { to, size }] of widening) result = sampleCosines(result, from, to, size);
  return permute(result, letters);
}

const axisSize = (array: Labelled, letter: string) => array.shape[array.letters.indexOf(letter)]!;

/**
 * Checks that the expression, the operands and the shape belong together; throws `TypeError` with the reason. What
 * passes can be expanded without error and without arrays larger than the operands' and the result's axes allow.
 */
export function checkNetwork(network: TensorNetwork): void {
  const { operands, result } = parseExpression(network.expression);
  const fail = (reason: string): never => {
    throw new TypeError(`tensor network ${network.expression}: ${reason}`);
  };
  if (operands.length !== network.operands.length) fail(`${network.operands.length} operands given`);
  if (network.operands[0]!.kind === 'cosine') fail('the first operand must carry numbers');
  if (result.length > LARGEST_RANK) fail(`more than ${LARGEST_RANK} axes`);
  const sizes = new Map<string, number>();
  const uses = new Map<string, number>();
  for (const letter of operands.join('')) uses.set(letter, (uses.get(letter) ?? 0) + 1);
  network.operands.forEach((operand, at) => {
    const letters = operands[at]!;
    const shape = operandShape(operand);
    if (letters.length !== shape.length) fail(`operand ${at} has ${shape.length} axes`);
    if (new Set(letters).size !== letters.length) fail(`operand ${at} repeats a letter`);
    shape.forEach((size, axis) => {
      const letter = letters[axis]!;
      if (!(size >= 1)) fail(`axis ${letter} is empty`);
      if ((sizes.get(letter) ?? size) !== size) fail(`axis ${letter} has sizes ${sizes.get(letter)} and ${size}`);
      sizes.set(letter, size);
    });
    if (operand.kind !== 'cosine') return;
    if (operand.count > operand.size) fail(`cosine(${operand.count}, ${operand.size}) has too many rows`);
    const samplings = network.operands.filter((other, o) => other.kind === 'cosine' && operands[o]![0] === letters[0]);
    if (samplings.length > 1) fail(`axis ${letters[0]} is sampled twice`);
    const coded = network.operands.some((other, o) => other.kind !== 'cosine' && operands[o]!.includes(letters[0]!));
    if (!coded || result.includes(letters[0]!)) fail(`axis ${letters[0]} is not a frequency of a coded operand`);
    if (uses.get(letters[1]!) !== 1 || !result.includes(letters[1]!)) fail(`axis ${letters[1]} is not sampled once`);
  });
  if (new Set(result).size !== result.length) fail('the result repeats a letter');
  if (result.length !== network.shape.length) fail(`the result has ${network.shape.length} axes`);
  [...result].forEach((letter, axis) => {
    if (sizes.get(letter) !== network.shape[axis]) fail(`axis ${letter} is not ${network.shape[axis]} long`);
  });
  for (const letter of sizes.keys()) {
    if (!result.includes(letter) && uses.get(letter)! < 2) fail(`axis ${letter} is summed alone`);
  }
  // Contracting from the left must not pass through anything much larger than the ends.
  const size = (letters: Iterable<string>) => [...letters].reduce((product, letter) => product * sizes.get(letter)!, 1);
  const largest = Math.max(size(result), ...operands.map(size));
  for (let at = 1; at < operands.length; at++) {
    const before = new Set(operands.slice(0, at + 1).join(''));
    const after = new Set(operands.slice(at + 1).join('') + result);
    const open = [...before].filter((letter) => after.has(letter));
    if (network.operands[at]!.kind !== 'cosine' && size(open) > 16 * largest) fail('a contraction is too large');
  }
}
