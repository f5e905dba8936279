/**
 * The tensor network: every stored weight is `einsum(expression, operands)`.
 *
 * Plain quantised weights, the N-D DCT of Frequency Regularization (Zhao et al. 2023, arXiv 2304.07973, section 3),
 * low rank, Tucker, CP and matrix product states are all expressions over three kinds of operand, so that the file
 * format, the planner and the runtime know one thing only.
 */
import { cosineMatrix } from './cosines.ts';
import { contract, type Labelled, parseExpression, permute } from './einsum.ts';

/** Numbers that the file carries, dense and row-major over `shape`: integers times a step. */
export interface QuantizedOperand {
  readonly kind: 'quantized';
  readonly shape: readonly number[];
  readonly levels: Int32Array;
  /** Value of level 1; positive. */
  readonly step: number;
  /**
   * Given where the levels are those of dependent quantisation (see dependent.ts): they form one chain for each index of this
   * axis, in the order of the file, frequencies in zigzag order and under each the other axes row-major.
   */
  readonly chainAxis?: number;
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
  return {
    expression: dctExpression(shape.length, axes),
    operands: [core, ...dctCosines(core.shape, shape, axes)],
    shape,
  };
}

/** The expression of such a network whose result has `rank` axes. */
export function dctExpression(rank: number, axes: readonly number[]): string {
  const letters = [...RESULT_LETTERS.slice(0, rank)];
  const coreLetters = letters.map((letter, axis) => (axes.includes(axis) ? FREQUENCY_LETTERS[axis]! : letter));
  const cosines = axes.map((axis) => `${coreLetters[axis]}${letters[axis]}`);
  return `${[coreLetters.join(''), ...cosines]}->${letters.join('')}`;
}

/** The cosines of such a network. */
export function dctCosines(
  core: readonly number[],
  shape: readonly number[],
  axes: readonly number[],
): CosineOperand[] {
  return axes.map((axis) => ({ kind: 'cosine', count: core[axis]!, size: shape[axis]! }));
}

const RESULT_LETTERS = 'oiuvwxyz';
const FREQUENCY_LETTERS = 'abcdefgh';

/** Most axes that a network's result may have. */
export const LARGEST_RANK = RESULT_LETTERS.length;

/** What of an operand says its shape: its own `shape`, or that of a cosine. */
export type OperandShape = { readonly kind?: undefined; readonly shape: readonly number[] } | Operand;

/** Shape of any operand. */
export function operandShape(operand: OperandShape): readonly number[] {
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
 * The network contracted only as far as the axes named in `letters` (in that order): an axis given by its frequency
 * letter stays in the frequency domain. With the result's own letters this is the dense tensor: `expandNetwork` is
 * faster at that.
 *
 * The coded operands are contracted from left to right; then each cosine widens its axis by `sample`, the one that widens
 * least first, so that the arrays stay small until the last step.
 */
export function contractNetwork(network: TensorNetwork, letters: string, sample = multiplyCosines): Labelled {
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
  for (const [from, { to, size }] of widening) result = sample(result, from, to, size);
  return permute(result, letters);
}

/** Samples the axis `from`, which holds the first frequencies, at `size` points, and names it `to`. */
function multiplyCosines(array: Labelled, from: string, to: string, size: number): Labelled {
  const count = axisSize(array, from);
  const cosines = { letters: from + to, shape: [count, size], values: cosineMatrix(count, size) };
  return contract(array, cosines, array.letters.replace(from, to));
}

const axisSize = (array: Labelled, letter: string) => array.shape[array.letters.indexOf(letter)]!;

/** A network, as far as its soundness does not depend on its numbers. */
export interface NetworkShape extends Omit<TensorNetwork, 'operands'> {
  readonly operands: readonly OperandShape[];
}

/**
 * Checks that the expression, the operands and the shape belong together; throws `TypeError` with the reason. What
 * passes can be expanded without error and without arrays larger than the operands' and the result's axes allow.
 */
export function checkNetwork({ expression, shape, operands: given }: NetworkShape): void {
  const { operands, result } = parseExpression(expression);
  const demand = (holds: boolean, otherwise: string) => {
    if (!holds) throw new TypeError(otherwise);
  };
  const isCosine = (at: number) => given[at]!.kind === 'cosine';
  demand(operands.length === given.length, `${given.length} operands given`);
  demand(!isCosine(0), 'the first operand must carry numbers');
  demand(result.length <= LARGEST_RANK, `more than ${LARGEST_RANK} axes`);

  const sizes = new Map<string, number>();
  [...operands, result].forEach((letters, at) => {
    const own = at < given.length ? operandShape(given[at]!) : shape;
    const isNamed = letters.length === own.length && new Set(letters).size === own.length;
    demand(isNamed, `"${letters}" does not name ${own.length} axes`);
    own.forEach((size, axis) => {
      const known = sizes.get(letters[axis]!) ?? size;
      demand(size >= 1 && size === known, `axis ${letters[axis]} has sizes ${known} and ${size}`);
      sizes.set(letters[axis]!, size);
    });
  });

  const uses = (letter: string, texts: readonly string[]) => texts.filter((text) => text.includes(letter)).length;
  const coded = operands.filter((_, at) => !isCosine(at));
  for (const letter of sizes.keys()) {
    demand(uses(letter, [...operands, result]) > 1, `axis ${letter} is of one operand only, or of none`);
  }
  operands.forEach(([from, to], at) => {
    const cosine = given[at]!;
    if (cosine.kind !== 'cosine') return;
    demand(cosine.count <= cosine.size, `cosine(${cosine.count}, ${cosine.size}) has too many rows`);
    const others = uses(from!, [...operands, result]) - uses(from!, coded) - 1;
    demand(others === 0 && uses(from!, coded) > 0, `axis ${from} is no frequency`);
    demand(uses(to!, operands) === 1 && result.includes(to!), `axis ${to} is not sampled once`);
  });

  // Contracting from the left must not pass through anything much larger than the ends.
  const size = (letters: Iterable<string>) => [...letters].reduce((product, letter) => product * sizes.get(letter)!, 1);
  const largest = Math.max(size(result), ...operands.map(size));
  operands.forEach((_, at) => {
    const before = new Set(operands.slice(0, at + 1).join(''));
    const after = operands.slice(at + 1).join('') + result;
    const open = [...before].filter((letter) => after.includes(letter));
    demand(isCosine(at) || size(open) <= 16 * largest, 'a contraction is too large');
  });
}
