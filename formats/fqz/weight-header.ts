/**
 * What is known of a weight before its numbers arrive: type, shape, tensor network, number of coefficients, step
 * (SPEC.md, "Weight headers"). With these a loader can plan memory and kernels while the rest is on its way.
 */
import { parseExpression } from '../../src/codec/einsum.ts';
import { type CosineOperand, checkNetwork, dctCosines, dctExpression, LARGEST_RANK } from '../../src/codec/network.ts';
import { LARGEST_STEP_CODE } from '../../src/codec/step.ts';
import { byteLength, type DType, isFloat } from '../../src/graph/dtype.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import type { CoreLayout } from './coded-order.ts';
import { atMost, damaged, LARGEST_FACTOR, MOST_AXES, MOST_ELEMENTS, STRING_MEMORY } from './format.ts';
import type { WeightUse } from './graph-code.ts';
import { count, dtypeSymbol, flag, int, quote, recent, text, times, tree, uint } from './symbols.ts';

/** An operand without its numbers. */
export type OperandHeader =
  | (CosineOperand & { readonly layout?: undefined })
  | {
      readonly kind: 'quantized';
      /** Of the finest levels that the file may have. */
      readonly stepCode: number;
      readonly layout: CoreLayout;
      /** Of each layer behind the first, by how much it makes the step finer; 0 where it leaves the operand as it is. */
      readonly factors: readonly number[];
    }
  | { readonly kind: 'float16' | 'float32'; readonly layout: CoreLayout };

/** A tensor network without its numbers. */
export interface NetworkHeader {
  readonly expression: string;
  readonly shape: readonly number[];
  readonly operands: readonly OperandHeader[];
}

/** A weight without its numbers; without `network` it is kept exactly. */
export interface WeightHeader {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly network?: NetworkHeader;
}

export interface NamedHeader extends WeightHeader {
  readonly name: string;
}

/** Bytes of memory that the numbers of a weight take, as `largestMemory` counts them. */
export function memoryOf({ dtype, shape, network }: WeightHeader): number {
  if (network)
    return network.operands.reduce((sum, { layout }) => sum + (layout ? 4 * elementCount(layout.shape) : 0), 0);
  const elements = elementCount(shape);
  return dtype === 'string' ? STRING_MEMORY * elements : byteLength(dtype, elements);
}

/** How a weight is stored. */
export const EXACT = 0;
export const DCT = 1;
export const EXPRESSION = 2;
export const OPERAND_KINDS = ['quantized', 'float16', 'float32', 'cosine', 'chains'] as const;
/** Bits of the number of an operand's kind: the first version had no chains. */
const kindBits = (version: number) => (version === 1 ? 2 : 3);

/**
 * The headers of all weights, in a file with so many layers. Their slots tell weights of one use apart, since they resemble each other. */
export function weightHeaders(
  coder: BitCoder,
  uses: readonly WeightUse[],
  version: number,
  layers: number,
): NamedHeader[] {
  const types: Record<string, DType[]> = {};
  const expressions: string[] = [];
  const numbers: Record<string, number[]> = {};
  let stepCode = 0;

  /** A number of a kind that has one recency list for the file. */
  const number = (kind: string, place: string, most = MOST_ELEMENTS): number => {
    numbers[kind] ??= [];
    const what = `${kind} of ${place}`;
    return atMost(
      what,
      recent(coder, what, numbers[kind], () => uint(coder, kind)),
      most,
    );
  };

  const shapeAt = (slot: string): number[] => {
    const shape = times(count(coder, `axes of ${slot}`, MOST_AXES), (axis) => number('size', `${slot} ${axis}`));
    elementsOf(shape);
    return shape;
  };

  /** The axes whose index is a frequency, by a flag for each; `places` say with which statistics. */
  const frequencyAxesOf = (places: readonly string[]): number[] =>
    places.flatMap((place, axis) => (flag(coder, `${place} is a frequency`) ? [axis] : []));

  /** An operand; `place` says with which statistics its kind comes. */
  const operand = (slot: string, place: string, layoutOf: () => Omit<CoreLayout, 'frequencies'>): OperandHeader => {
    const kind = OPERAND_KINDS[tree(coder, `kind of ${place}`, kindBits(version))];
    if (!kind) throw damaged(`an operand of ${slot} is of no known kind`);
    if (kind === 'cosine') {
      const size = number('size', kind);
      return { kind, size, count: number('rows', kind) };
    }
    const isQuantized = kind === 'quantized' || kind === 'chains';
    if (isQuantized) {
      stepCode += int(coder, 'step');
      atMost('step', Math.abs(stepCode), LARGEST_STEP_CODE);
    }
    const { shape, frequencyAxes } = layoutOf();
    if (elementsOf(shape) === 0) throw damaged(`an operand of shape [${shape}] has no numbers`);
    const most = frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1);
    const layout = { shape, frequencyAxes, frequencies: number('frequencies', slot, most) };
    if (!isQuantized) return { kind, layout };
    const factors = times(Math.max(0, layers - 1), (layer) =>
      atMost('factor of a layer', uint(coder, `factor ${layer}`), LARGEST_FACTOR),
    );
    if (kind === 'quantized') return { kind, stepCode, layout, factors };
    const chainAxis = atMost('chain axis', uint(coder, `chain axis of ${place}`), shape.length - 1);
    if (frequencyAxes.includes(chainAxis)) throw damaged('the chains of an operand are along frequencies');
    return { kind: 'quantized', stepCode, layout: { ...layout, chainAxis }, factors };
  };

  /** A core with cosines along some axes, or, with none, plain numbers: everything follows from a flag for each axis. */
  const dct = (slot: string, shape: readonly number[]): NetworkHeader => {
    atMost(`axes of ${slot}`, shape.length, LARGEST_RANK);
    const places = shape.map((_, axis) => `${slot} ${axis}`);
    const axes = frequencyAxesOf(places);
    const core = shape.map((size, axis) => (axes.includes(axis) ? number('rows', places[axis]!, size) : size));
    const first = operand(slot, slot, () => ({ shape: core, frequencyAxes: axes }));
    if (first.kind === 'cosine') throw damaged('a core has no numbers');
    return {
      expression: dctExpression(shape.length, axes),
      shape,
      operands: [first, ...dctCosines(core, shape, axes)],
    };
  };

  const network = (slot: string, shape: readonly number[]): NetworkHeader => {
    const expression = recent(coder, 'expressions', expressions, () => text(coder, 'expression'));
    const letters = sound(expression, () => parseExpression(expression).operands);
    atMost('operands', letters.length, MOST_AXES);
    const operands = letters.map((own) =>
      operand(slot, 'operand', () => ({
        shape: times(own.length, (axis) => number('size', `operand ${axis}`)),
        frequencyAxes: frequencyAxesOf(times(own.length, () => 'operand')),
      })),
    );
    const shapes = operands.map((own) => (own.kind === 'cosine' ? own : own.layout));
    sound(expression, () => checkNetwork({ expression, shape, operands: shapes }));
    return { expression, shape, operands };
  };

  return uses.map(({ name, slot }) => {
    coder.countItems(1);
    types[slot] ??= [];
    const dtype = recent(coder, `type of ${slot}`, types[slot], () => dtypeSymbol(coder, `new type of ${slot}`));
    const shape = shapeAt(slot);
    const storage = tree(coder, `storage of ${slot}`, 2);
    if (storage === EXACT) return { name, dtype, shape };
    atMost(`storage of ${slot}`, storage, EXPRESSION);
    if (!isFloat(dtype)) throw damaged(`a weight of type ${dtype} cannot be a tensor network`);
    const own = flag(coder, `${slot} is folded`) ? shapeAt(`${slot} folded`) : shape;
    if (elementsOf(own) !== elementsOf(shape)) {
      throw damaged(`a network of shape [${own}] for a weight of shape [${shape}]`);
    }
    return { name, dtype, shape, network: (storage === DCT ? dct : network)(slot, own) };
  });
}

/** Number of elements of a shape. Throws unless a tensor may have so many. */
function elementsOf(shape: readonly number[]): number {
  return atMost(
    `elements of [${shape}]`,
    shape.reduce((product, size) => product * size, 1),
    MOST_ELEMENTS,
  );
}

/** What `check` returns, which throws with a reason where the expression is none of a tensor network. */
function sound<T>(expression: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw damaged(`${quote(expression)} is no tensor network: ${(error as Error).message}`);
  }
}
