/**
 * Code for the numbers of one weight, whose header is known (SPEC.md, "Coefficients").
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { floatFromHalf } from '../../src/codec/half.ts';
import type { Operand } from '../../src/codec/network.ts';
import { stepOf } from '../../src/codec/step.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import type { PatternSymbols } from './float-patterns-code.ts';
import type { NumberRuns } from './number-runs.ts';
import { type TensorSymbols, tensorCode } from './tensor-code.ts';
import type { OperandHeader, WeightHeader } from './weight-header.ts';

/** What a file says of a weight's numbers: those of the tensor, or of the operands that have some. */
export interface WeightSymbols {
  readonly tensor?: TensorSymbols;
  readonly operands?: readonly (Int32Array | PatternSymbols | undefined)[];
}

/** Makes the code of all weights of a file, in order; the statistics run through. */
export function weightNumbersCode(
  coder: BitCoder,
  { levels, frequenciesFirst, floats: floatsCode }: NumberRuns,
): (name: string, header: WeightHeader, given?: WeightSymbols) => StoredWeight {
  const patterns = floatsCode();
  const tensors = tensorCode(coder, floatsCode());

  const floats = (layout: CoreLayout, precision: 'float16' | 'float32', given?: PatternSymbols): Float32Array => {
    const words = patterns(precision, codedCount(layout), given);
    if (precision === 'float16') for (let at = 0; at < words.length; at++) words[at] = floatFromHalf(words[at]!);
    if (layout.frequencyAxes.length === 0 && layout.frequencies === 1) return new Float32Array(words.buffer);
    const values = new Uint32Array(elementCount(layout.shape));
    let count = 0;
    forEachCoded(layout, (offset) => {
      values[offset] = words[count++]!;
    });
    return new Float32Array(values.buffer);
  };

  /** The axes in the order in which the levels come out. */
  const axesOf = ({ shape, frequencyAxes }: CoreLayout): number[] => {
    const axes = shape.map((_, axis) => axis);
    return frequenciesFirst ? [...frequencyAxes, ...axes.filter((axis) => !frequencyAxes.includes(axis))] : axes;
  };

  /** The expression, with the letters of each operand in the order of its axes. */
  const asDecoded = ({ expression, operands }: NonNullable<WeightHeader['network']>): string => {
    const [letters, result] = expression.split('->');
    const ordered = letters!.split(',').map((own, at) => {
      const header = operands[at]!;
      if (header.kind !== 'quantized') return own;
      return axesOf(header.layout)
        .map((axis) => own[axis])
        .join('');
    });
    return `${ordered}->${result}`;
  };

  const operand = (header: OperandHeader, given?: Int32Array | PatternSymbols): Operand => {
    const { kind, layout } = header;
    if (kind === 'cosine') return header;
    if (kind !== 'quantized') {
      const values = floats(layout, kind, given as PatternSymbols);
      return { kind: 'float', shape: layout.shape, precision: kind, values };
    }
    const coded = levels(layout, given as Int32Array);
    const shape = axesOf(layout).map((axis) => layout.shape[axis]!);
    return { kind, shape, step: stepOf(header.stepCode), levels: coded };
  };

  return (name, { dtype, shape, network }, given) => {
    if (!network) return { name, tensor: tensors(dtype, shape, given?.tensor) };
    const operands = network.operands.map((own, at) => operand(own, given?.operands?.[at]));
    return { name, dtype, shape, network: { expression: asDecoded(network), shape: network.shape, operands } };
  };
}
