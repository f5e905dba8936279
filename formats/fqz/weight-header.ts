/**
 * Code for what is known of a weight before its numbers arrive: type, shape, tensor network, number of coefficients,
 * step (SPEC.md, "Weight headers"). With these a loader can plan memory and kernels while the rest is on its way.
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { parseExpression } from '../../src/codec/einsum.ts';
import {
  type CodedOperand,
  type CosineOperand,
  checkNetwork,
  cosineAxes,
  dctNetwork,
  LARGEST_RANK,
  type Operand,
} from '../../src/codec/network.ts';
import { LARGEST_STEP_CODE, nearestStepCode, stepOf } from '../../src/codec/step.ts';
import { FormatError } from '../../src/errors.ts';
import { byteLength, DTYPES, type DType, dtypeFromCode, isFloat } from '../../src/graph/dtype.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { LIMITS, STRING_MEMORY } from './format.ts';
import { type CoreLayout, codedCount, forEachCoded } from './levels-code.ts';
import { countCode, flagCode, intCode, perKey, quote, recentCode, textCode, treeCode, uintCode } from './symbols.ts';

/** An operand without its numbers. */
export type OperandHeader =
  | CosineOperand
  | { readonly kind: 'quantized'; readonly step: number; readonly layout: CoreLayout }
  | { readonly kind: 'float'; readonly precision: 'float16' | 'float32'; readonly layout: CoreLayout };

/** A weight without its numbers; without `network` it is kept exactly. */
export interface WeightHeader {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly network?: {
    readonly expression: string;
    readonly shape: readonly number[];
    readonly operands: readonly OperandHeader[];
  };
}

/** Bytes of memory that the numbers of a weight take, as `largestMemory` counts them. */
export function memoryOf({ dtype, shape, network }: WeightHeader): number {
  if (!network)
    return dtype === 'string' ? STRING_MEMORY * elementCount(shape) : byteLength(dtype, elementCount(shape));
  return network.operands.reduce(
    (sum, operand) => sum + (operand.kind === 'cosine' ? 0 : 4 * elementCount(operand.layout.shape)),
    0,
  );
}

/** The header of a weight. */
export function headerOf(weight: StoredWeight): WeightHeader {
  if ('tensor' in weight) return { dtype: weight.tensor.dtype, shape: weight.tensor.shape };
  const { expression, shape, operands } = weight.network;
  const { letters, cosines } = cosineAxes(weight.network);
  const headers = operands.map((operand, at): OperandHeader => {
    if (operand.kind === 'cosine') return operand;
    const frequencyAxes = [...letters[at]!].flatMap((letter, axis) => (cosines.has(letter) ? [axis] : []));
    const layout = { shape: operand.shape, frequencyAxes, frequencies: lastFrequency(operand, frequencyAxes) };
    return operand.kind === 'float'
      ? { kind: 'float', precision: operand.precision, layout }
      : { kind: 'quantized', step: operand.step, layout };
  });
  return { dtype: weight.dtype, shape: weight.shape, network: { expression, shape, operands: headers } };
}

/** Number of frequencies up to the last one, in zigzag order, that has an entry other than zero. */
function lastFrequency(operand: CodedOperand, frequencyAxes: readonly number[]): number {
  const all = frequencyAxes.reduce((product, axis) => product * operand.shape[axis]!, 1);
  const layout = { shape: operand.shape, frequencyAxes, frequencies: all };
  const perFrequency = codedCount({ ...layout, frequencies: 1 });
  const numbers = operand.kind === 'float' ? operand.values : operand.levels;
  let last = 0;
  let visited = 0;
  forEachCoded(layout, (offset) => {
    visited++;
    if (numbers[offset] !== 0) last = visited;
  });
  return Math.ceil(last / perFrequency);
}

const EXACT = 0;
const DCT = 1;
const EXPRESSION = 2;
const OPERAND_KINDS = ['quantized', 'float16', 'float32', 'cosine'] as const;

/**
 * Makes the code of weight headers. `slot` tells weights of one use (operator and input) apart, since they resemble
 * each other.
 */
export function weightHeaderCode(coder: BitCoder) {
  const dtypes = perKey((_: string) => recentCode(coder, treeCode(coder, 5)));
  const dtypePlace = perKey((_: string) => uintCode(coder));
  const ranks = perKey((_: string) => countCode(coder, 'axes', LIMITS.rank));
  const dims = recentCode(coder, uintCode(coder));
  const dimPlace = perKey((_: string) => uintCode(coder));
  const storages = perKey((_: string) => treeCode(coder, 2));
  const operandKinds = perKey((_: string) => treeCode(coder, 2));
  const folds = perKey((_: string) => flagCode(coder));
  const isFrequency = perKey((_: string) => flagCode(coder));
  const rows = recentCode(coder, uintCode(coder));
  const rowsPlace = perKey((_: string) => uintCode(coder));
  const frequencies = recentCode(coder, uintCode(coder));
  const frequenciesPlace = perKey((_: string) => uintCode(coder));
  const stepChange = intCode(coder);
  const expressions = recentCode(coder, textCode(coder));
  const expressionPlace = uintCode(coder);
  let lastStep = 0;

  const shapeCode = (slot: string, shape: readonly number[]): number[] => {
    const rank = ranks(slot)(shape.length);
    const read = Array.from({ length: rank }, (_, axis) => dims(shape[axis] ?? 0, dimPlace(`${slot} ${axis}`)));
    boundedCount(read);
    return read;
  };

  const layoutCode = (slot: string, shape: readonly number[], frequencyAxes: number[], given?: CoreLayout) => {
    boundedCount(shape);
    const most = frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1);
    const kept = frequencies(given?.frequencies ?? 0, frequenciesPlace(slot));
    if (kept > most) throw new FormatError('fqz', `${kept} frequencies of ${most}: the file is damaged`);
    return { shape, frequencyAxes, frequencies: kept };
  };

  const numbersCode = (slot: string, layout: () => CoreLayout, given?: OperandHeader): OperandHeader => {
    const name = given?.kind === 'float' ? given.precision : (given?.kind ?? 'quantized');
    const kind = OPERAND_KINDS[operandKinds(slot)(OPERAND_KINDS.indexOf(name))]!;
    if (kind === 'cosine') {
      const cosine = given?.kind === 'cosine' ? given : undefined;
      const size = dims(cosine?.size ?? 0, dimPlace('cosine'));
      return { kind, size, count: rows(cosine?.count ?? 0, rowsPlace('cosine')) };
    }
    if (kind !== 'quantized') return { kind: 'float', precision: kind, layout: layout() };
    lastStep += stepChange(given?.kind === 'quantized' ? stepCodeOf(given.step) - lastStep : 0);
    if (Math.abs(lastStep) > LARGEST_STEP_CODE)
      throw new FormatError('fqz', 'a step is out of range: the file is damaged');
    return { kind, step: stepOf(lastStep), layout: layout() };
  };

  /** A core with cosines along some axes, or, with none, plain numbers: everything follows from a flag for each axis. */
  const dctCode = (slot: string, shape: readonly number[], given?: NetworkHeader): NetworkHeader => {
    if (shape.length > LARGEST_RANK) throw new FormatError('fqz', `a network of ${shape.length} axes`);
    const core = given && layoutOf(given.operands[0]!);
    const axes = shape
      .map((_, axis) => axis)
      .filter((axis) => isFrequency(`${slot} ${axis}`)(core?.frequencyAxes.includes(axis) ?? false));
    const coreShape = shape.map((size, axis) => {
      if (!axes.includes(axis)) return size;
      const count = rows(core?.shape[axis] ?? 0, rowsPlace(`${slot} ${axis}`));
      if (count > size)
        throw new FormatError('fqz', `${count} frequencies along an axis of ${size}: the file is damaged`);
      return count;
    });
    const operand = numbersCode(slot, () => layoutCode(slot, coreShape, axes, core), given?.operands[0]);
    if (operand.kind === 'cosine') throw new FormatError('fqz', 'a network has no core: the file is damaged');
    const { expression, operands } = dctNetwork(
      { kind: 'quantized', shape: coreShape, levels: EMPTY, step: 1 },
      shape,
      axes,
    );
    return { expression, shape, operands: [operand, ...(operands.slice(1) as CosineOperand[])] };
  };

  const expressionCode = (slot: string, shape: readonly number[], given?: NetworkHeader): NetworkHeader => {
    const expression = expressions(given?.expression ?? '', expressionPlace);
    const { operands: letters } = parsed(expression);
    const operands = letters.map((own, at): OperandHeader => {
      const layout = given && layoutOf(given.operands[at]!);
      const numbers = () => {
        const operandShape = [...own].map((_, axis) => dims(layout?.shape[axis] ?? 0, dimPlace(`operand ${axis}`)));
        const axes = operandShape.map((_, axis) => axis);
        const marked = axes.filter((axis) => isFrequency('operand')(layout?.frequencyAxes.includes(axis) ?? false));
        return layoutCode(slot, operandShape, marked, layout);
      };
      return numbersCode('operand', numbers, given?.operands[at]);
    });
    return { expression, shape, operands };
  };

  return (slot: string, given: WeightHeader | undefined): WeightHeader => {
    const code = dtypes(slot)(given ? DTYPES[given.dtype].code : 0, dtypePlace(slot));
    const dtype = dtypeFromCode(code);
    if (!dtype) throw new FormatError('fqz', `element type ${code} is unknown`);
    const shape = shapeCode(slot, given?.shape ?? []);
    const network = given?.network;
    coder.countItems(1);
    const storage = storages(slot)(network === undefined ? EXACT : isDct(network) ? DCT : EXPRESSION);
    if (storage === EXACT) return { dtype, shape };
    if (storage > EXPRESSION) throw new FormatError('fqz', `a weight is stored in way ${storage}, which is unknown`);
    if (!isFloat(dtype)) throw new FormatError('fqz', `a weight of type ${dtype} cannot be a tensor network`);
    const folded = folds(slot)(network !== undefined && !sameShape(network.shape, shape));
    const networkShape = folded ? shapeCode(`${slot} folded`, network?.shape ?? []) : shape;
    const read = (storage === DCT ? dctCode : expressionCode)(slot, networkShape, network);
    checkHeader(shape, read);
    return { dtype, shape, network: read };
  };
}

type NetworkHeader = NonNullable<WeightHeader['network']>;

const EMPTY = new Int32Array(0);

function layoutOf(operand: OperandHeader): CoreLayout | undefined {
  return operand.kind === 'cosine' ? undefined : operand.layout;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Whether a network is one core with cosines in the order of its axes, so that flags can stand for the expression. */
function isDct(network: NetworkHeader): boolean {
  const core = layoutOf(network.operands[0]!);
  if (!core || network.shape.length > LARGEST_RANK || core.shape.length !== network.shape.length) return false;
  const plain: CodedOperand = { kind: 'quantized', shape: core.shape, levels: EMPTY, step: 1 };
  const { expression } = dctNetwork(plain, network.shape, core.frequencyAxes);
  return expression === network.expression;
}

function stepCodeOf(step: number): number {
  const code = nearestStepCode(step);
  if (stepOf(code) !== step) throw new TypeError(`step ${step} is not on the grid of steps`);
  return code;
}

function parsed(expression: string): { operands: string[] } {
  let operands: string[];
  try {
    operands = parseExpression(expression).operands;
  } catch (cause) {
    throw new FormatError('fqz', `${quote(expression)} is not an einsum expression`, undefined, { cause });
  }
  if (operands.length > LIMITS.operands || operands.some((letters) => new Set(letters).size < letters.length)) {
    throw new FormatError('fqz', `a tensor network ${quote(expression)} is damaged`);
  }
  return { operands };
}

/** Throws unless the shape has a number of elements that a tensor may have. */
function boundedCount(shape: readonly number[]): void {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!(count <= LIMITS.elements)) throw new FormatError('fqz', `a tensor of shape [${shape}] is too large`);
}

/** Throws unless the network is sound, and as large as the weight that it stands for. */
function checkHeader(shape: readonly number[], network: NetworkHeader): void {
  const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
  if (count(shape) !== count(network.shape)) {
    throw new FormatError('fqz', `a network of shape [${network.shape}] cannot stand for a weight of shape [${shape}]`);
  }
  const operands = network.operands.map(
    (operand): Operand =>
      operand.kind === 'cosine' ? operand : { kind: 'quantized', shape: operand.layout.shape, levels: EMPTY, step: 1 },
  );
  try {
    checkNetwork({ expression: network.expression, shape: network.shape, operands });
  } catch (error) {
    throw new FormatError('fqz', (error as Error).message);
  }
}
