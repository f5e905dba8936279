/**
 * Code for what is known of a weight before its numbers arrive: type, shape, tensor network, number of coefficients,
 * step (SPEC.md, "Weight headers"). With these a loader can plan memory and kernels while the rest is on its way.
 */
import { parseExpression } from '../../src/codec/einsum.ts';
import { type CosineOperand, checkNetwork, dctCosines, dctExpression, LARGEST_RANK } from '../../src/codec/network.ts';
import { LARGEST_STEP_CODE } from '../../src/codec/step.ts';
import { byteLength, type DType, isFloat } from '../../src/graph/dtype.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import type { CoreLayout } from './coded-order.ts';
import { damaged, LIMITS, STRING_MEMORY } from './format.ts';
import {
  countCode,
  dtypeCode,
  flagCode,
  intCode,
  perKey,
  quote,
  recentCode,
  textCode,
  times,
  treeCode,
  uintCode,
} from './symbols.ts';

/** An operand without its numbers. */
export type OperandHeader =
  | (CosineOperand & { readonly layout?: undefined })
  | { readonly kind: 'quantized'; readonly stepCode: number; readonly layout: CoreLayout }
  | { readonly kind: 'float16' | 'float32'; readonly layout: CoreLayout };

/** A tensor network without its numbers. */
export interface NetworkHeader {
  readonly expression: string;
  readonly shape: readonly number[];
  readonly operands: readonly OperandHeader[];
  /** Whether flags for the axes stand for the expression: one core, with cosines in the order of its axes. */
  readonly isDct: boolean;
}

/** A weight without its numbers; without `network` it is kept exactly. */
export interface WeightHeader {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly network?: NetworkHeader;
}

/** Bytes of memory that the numbers of a weight take, as `largestMemory` counts them. */
export function memoryOf({ dtype, shape, network }: WeightHeader): number {
  if (!network)
    return dtype === 'string' ? STRING_MEMORY * elementCount(shape) : byteLength(dtype, elementCount(shape));
  return network.operands.reduce((sum, { layout }) => sum + (layout ? 4 * elementCount(layout.shape) : 0), 0);
}

const EXACT = 0;
const DCT = 1;
const EXPRESSION = 2;
const OPERAND_KINDS = ['quantized', 'float16', 'float32', 'cosine'] as const;

/**
 * Makes the code of weight headers. `slot` tells weights of one use (operator and input) apart, since they resemble
 * each other.
 */
export function weightHeaderCode(coder: BitCoder): (slot: string, given?: WeightHeader) => WeightHeader {
  const dtypes = perKey(() => recentCode(coder, dtypeCode(coder)));
  const ranks = perKey(() => countCode(coder, 'axes', LIMITS.rank));
  const sizes = recentCode(coder, uintCode(coder));
  const storages = perKey(() => treeCode(coder, 2));
  const operandKinds = perKey(() => treeCode(coder, 2));
  const folds = perKey(() => flagCode(coder));
  const isFrequency = perKey(() => flagCode(coder));
  const rows = recentCode(coder, uintCode(coder));
  const frequencies = recentCode(coder, uintCode(coder));
  const stepChange = intCode(coder);
  const expressions = recentCode(coder, textCode(coder));
  let lastStep = 0;

  const shapeCode = (slot: string, given?: readonly number[]): number[] =>
    bounded(times(ranks(slot)(given?.length), (axis) => sizes(`${slot} ${axis}`, given?.[axis])));

  /** The axes whose index is a frequency, by a flag for each; `key` says with which statistics. */
  const axesCode = (rank: number, key: (axis: number) => string, given?: CoreLayout): number[] =>
    times(rank, (axis) => axis).filter((axis) => isFrequency(key(axis))(given?.frequencyAxes.includes(axis)));

  const layoutCode = (slot: string, shape: number[], frequencyAxes: number[], given?: CoreLayout): CoreLayout => {
    bounded(shape);
    const most = frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1);
    const kept = frequencies(slot, given?.frequencies);
    if (kept > most) throw damaged(`${kept} frequencies of ${most}`);
    return { shape, frequencyAxes, frequencies: kept };
  };

  const operandCode = (slot: string, layout: () => CoreLayout, given?: OperandHeader): OperandHeader => {
    const kind = OPERAND_KINDS[operandKinds(slot)(given && OPERAND_KINDS.indexOf(given.kind))]!;
    if (kind === 'cosine') {
      const cosine = given as CosineOperand | undefined;
      const size = sizes(kind, cosine?.size);
      return { kind, size, count: rows(kind, cosine?.count) };
    }
    if (kind !== 'quantized') return { kind, layout: layout() };
    lastStep += stepChange(given?.kind === kind ? given.stepCode - lastStep : 0);
    if (Math.abs(lastStep) > LARGEST_STEP_CODE) throw damaged('a step is out of range');
    return { kind, stepCode: lastStep, layout: layout() };
  };

  /** A core with cosines along some axes, or, with none, plain numbers: everything follows from a flag for each axis. */
  const dctCode = (slot: string, shape: readonly number[], given?: NetworkHeader): NetworkHeader => {
    if (shape.length > LARGEST_RANK) throw damaged(`a network of ${shape.length} axes`);
    const core = given?.operands[0]?.layout;
    const axes = axesCode(shape.length, (axis) => `${slot} ${axis}`, core);
    const coreShape = shape.map((size, axis) => {
      if (!axes.includes(axis)) return size;
      const count = rows(`${slot} ${axis}`, core?.shape[axis]);
      if (count > size) throw damaged(`${count} frequencies along an axis of ${size}`);
      return count;
    });
    const operand = operandCode(slot, () => layoutCode(slot, coreShape, axes, core), given?.operands[0]);
    const operands = [operand, ...dctCosines(coreShape, shape, axes)];
    return { expression: dctExpression(shape.length, axes), shape, operands, isDct: true };
  };

  const expressionCode = (slot: string, shape: readonly number[], given?: NetworkHeader): NetworkHeader => {
    const expression = expressions('', given?.expression);
    const operands = lettersOf(expression).map((letters, at) => {
      const layout = given?.operands[at]?.layout;
      const layoutOf = () => {
        const own = times(letters.length, (axis) => sizes(`operand ${axis}`, layout?.shape[axis]));
        const axes = axesCode(own.length, () => 'operand', layout);
        return layoutCode(slot, own, axes, layout);
      };
      return operandCode('operand', layoutOf, given?.operands[at]);
    });
    return { expression, shape, operands, isDct: false };
  };

  return (slot, given) => {
    const dtype = dtypes(slot)(slot, given?.dtype);
    const shape = shapeCode(slot, given?.shape);
    const network = given?.network;
    coder.countItems(1);
    const storage = storages(slot)(network ? (network.isDct ? DCT : EXPRESSION) : EXACT);
    if (storage === EXACT) return { dtype, shape };
    if (storage > EXPRESSION) throw damaged(`a weight is stored in way ${storage}`);
    if (!isFloat(dtype)) throw damaged(`a weight of type ${dtype} cannot be a tensor network`);
    const isFolded = folds(slot)(network && `${network.shape}` !== `${shape}`);
    const networkShape = isFolded ? shapeCode(`${slot} folded`, network?.shape) : shape;
    const read = (storage === DCT ? dctCode : expressionCode)(slot, networkShape, network);
    if (elementCount(shape) !== elementCount(networkShape)) {
      throw damaged(`a network of shape [${networkShape}] stands for a weight of shape [${shape}]`);
    }
    checkHeader(read);
    return { dtype, shape, network: read };
  };
}

/** The letters of each operand. */
function lettersOf(expression: string): string[] {
  try {
    const { operands } = parseExpression(expression);
    const isSound = operands.every((letters) => new Set(letters).size === letters.length);
    if (isSound && operands.length <= LIMITS.operands) return operands;
  } catch {
    // As what is an expression, but that of no network.
  }
  throw damaged(`${quote(expression)} is no tensor network`);
}

/** The shape itself. Throws unless it has a number of elements that a tensor may have. */
function bounded(shape: number[]): number[] {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!(count <= LIMITS.elements)) throw damaged(`a tensor of shape [${shape}] is too large`);
  return shape;
}

/** Throws unless the network is sound. */
function checkHeader({ expression, shape, operands }: NetworkHeader): void {
  const shapes = operands.map((operand) => (operand.kind === 'cosine' ? operand : operand.layout));
  try {
    checkNetwork({ expression, shape, operands: shapes });
  } catch (error) {
    throw damaged((error as Error).message);
  }
}
