/**
 * What a writer says of a weight before its numbers (SPEC.md, "Weight headers").
 */
import type { Layer, StoredWeight } from '../../src/codec/archive.ts';
import { type CodedOperand, cosineAxes, dctExpression, LARGEST_RANK } from '../../src/codec/network.ts';
import { nearestStepCode, stepOf } from '../../src/codec/step.ts';
import { otherAxes } from '../../src/codec/zigzag.ts';
import { DTYPES, type DType } from '../../src/graph/dtype.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import {
  DCT,
  EXACT,
  EXPRESSION,
  type NetworkHeader,
  OPERAND_KINDS,
  type OperandHeader,
  type WeightHeader,
} from './weight-header.ts';
import { folded, recentSymbols, type Symbols, textSymbols } from './written-symbols.ts';

/** The header of a weight in a file with `layers` behind the first. Throws `TypeError` where a step is none that a file can name. */
export function headerOf(weight: StoredWeight, layers: readonly Layer[] = []): WeightHeader {
  if ('tensor' in weight) return { dtype: weight.tensor.dtype, shape: weight.tensor.shape };
  const { expression, shape, operands } = weight.network;
  const { letters, cosines } = cosineAxes(weight.network);
  const headers = operands.map((operand, at): OperandHeader => {
    if (operand.kind === 'cosine') return operand;
    const frequencyAxes = [...letters[at]!].flatMap((letter, axis) => (cosines.has(letter) ? [axis] : []));
    const layout = { shape: operand.shape, frequencyAxes, frequencies: lastFrequency(operand, frequencyAxes, layers) };
    if (operand.kind === 'float') return { kind: operand.precision, layout };
    const { chainAxis } = operand;
    if (chainAxis !== undefined && !otherAxes(operand.shape, frequencyAxes).includes(chainAxis)) {
      throw new TypeError(`chains along axis ${chainAxis} of an operand whose frequency axes are [${frequencyAxes}]`);
    }
    const stepCode = stepCodeOf(operand.step);
    const factors = layers.map((layer) => layer.get(operand)?.factor ?? 0);
    return {
      kind: 'quantized',
      stepCode,
      layout: chainAxis === undefined ? layout : { ...layout, chainAxis },
      factors,
    };
  });
  return { dtype: weight.dtype, shape: weight.shape, network: { expression, shape, operands: headers } };
}

/** Number of frequencies up to the last one, in zigzag order, that has an entry other than zero in any layer. */
function lastFrequency(operand: CodedOperand, frequencyAxes: readonly number[], layers: readonly Layer[]): number {
  const all = frequencyAxes.reduce((product, axis) => product * operand.shape[axis]!, 1);
  const layout = { shape: operand.shape, frequencyAxes, frequencies: all };
  const perFrequency = codedCount({ ...layout, frequencies: 1 });
  const numbers = [
    operand.kind === 'float' ? operand.values : operand.levels,
    ...layers.flatMap((layer) => layer.get(operand)?.before ?? []),
  ];
  let last = 0;
  let visited = 0;
  forEachCoded(layout, (offset) => {
    visited++;
    if (numbers.some((own) => own[offset] !== 0)) last = visited;
  });
  return Math.ceil(last / perFrequency);
}

function stepCodeOf(step: number): number {
  const code = nearestStepCode(step);
  if (stepOf(code) !== step) throw new TypeError(`step ${step} is not on the grid of steps`);
  return code;
}

/** Whether flags for the axes stand for the expression: one core, with cosines in the order of its axes. */
function isDct({ expression, shape, operands }: NetworkHeader): boolean {
  const core = operands[0]!.layout;
  const isLikely = shape.length <= LARGEST_RANK && core?.shape.length === shape.length;
  return isLikely && dctExpression(shape.length, core.frequencyAxes) === expression;
}

/** Makes the symbols of headers, one weight after another. */
export function headerSymbols(): (slot: string, header: WeightHeader) => Symbols {
  const types = new Map<string, DType[]>();
  const sizes: number[] = [];
  const rows: number[] = [];
  const frequencies: number[] = [];
  const expressions: string[] = [];
  let lastStep = 0;

  const size = (value: number) => recentSymbols(sizes, value, [value]);
  const count = (value: number) => recentSymbols(rows, value, [value]);

  function* shapeSymbols(shape: readonly number[]): Symbols {
    yield shape.length;
    for (const own of shape) yield size(own);
  }

  function* axisSymbols({ shape, frequencyAxes }: CoreLayout): Symbols {
    for (const axis of shape.keys()) yield Number(frequencyAxes.includes(axis));
  }

  function* operandSymbols(operand: OperandHeader, layoutSymbols: (layout: CoreLayout) => Symbols): Symbols {
    const chainAxis = operand.layout?.chainAxis;
    yield OPERAND_KINDS.indexOf(chainAxis === undefined ? operand.kind : 'chains');
    if (operand.kind === 'cosine') {
      yield size(operand.size);
      yield count(operand.count);
      return;
    }
    if (operand.kind === 'quantized') {
      yield folded(operand.stepCode - lastStep);
      lastStep = operand.stepCode;
    }
    yield layoutSymbols(operand.layout);
    yield recentSymbols(frequencies, operand.layout.frequencies, [operand.layout.frequencies]);
    if (operand.kind === 'quantized') yield operand.factors;
    if (chainAxis !== undefined) yield chainAxis;
  }

  function* networkSymbols(network: NetworkHeader): Symbols {
    const { expression, operands } = network;
    if (isDct(network)) {
      const { layout } = operands[0]!;
      yield axisSymbols(layout!);
      for (const axis of layout!.frequencyAxes) yield count(layout!.shape[axis]!);
      yield operandSymbols(operands[0]!, () => []);
      return;
    }
    yield recentSymbols(expressions, expression, textSymbols(expression));
    for (const operand of operands) {
      yield operandSymbols(operand, function* (layout) {
        for (const own of layout.shape) yield size(own);
        yield axisSymbols(layout);
      });
    }
  }

  return function* (slot, { dtype, shape, network }) {
    const list = types.get(slot) ?? [];
    types.set(slot, list);
    yield recentSymbols(list, dtype, [DTYPES[dtype].code]);
    yield shapeSymbols(shape);
    yield network ? (isDct(network) ? DCT : EXPRESSION) : EXACT;
    if (!network) return;
    const isFolded = `${network.shape}` !== `${shape}`;
    yield Number(isFolded);
    if (isFolded) yield shapeSymbols(network.shape);
    yield networkSymbols(network);
  };
}
