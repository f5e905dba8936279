/**
 * Code for the numbers of one weight, whose header is known (SPEC.md, "Coefficients").
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { floatFromHalf, halfFromFloat } from '../../src/codec/half.ts';
import type { CodedOperand, Operand } from '../../src/codec/network.ts';
import { stepOf } from '../../src/codec/step.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import type { NumberRuns } from './number-runs.ts';
import { tensorCode } from './tensor-code.ts';
import type { OperandHeader, WeightHeader } from './weight-header.ts';

/** Makes the code of all weights of a file, in order; the statistics run through. */
export function weightNumbersCode(
  coder: BitCoder,
  { levels, frequenciesFirst, floats: floatsCode }: NumberRuns,
): (name: string, header: WeightHeader, given?: StoredWeight) => StoredWeight {
  const patterns = floatsCode();
  const tensors = tensorCode(coder, floatsCode());

  const floats = (layout: CoreLayout, precision: 'float16' | 'float32', given?: Float32Array): Float32Array => {
    const half = precision === 'float16';
    if (!given && layout.frequencyAxes.length === 0) {
      const words = patterns(precision, codedCount(layout), undefined);
      if (half) for (let at = 0; at < words.length; at++) words[at] = floatFromHalf(words[at]!);
      return new Float32Array(words.buffer);
    }
    const values = given ?? new Float32Array(elementCount(layout.shape));
    const offsets = new Uint32Array(codedCount(layout));
    let count = 0;
    forEachCoded(layout, (offset) => {
      offsets[count++] = offset;
    });
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const gathered = given && offsets.map((offset) => (half ? halfFromFloat(words[offset]!) : words[offset]!));
    const coded = patterns(precision, count, gathered);
    offsets.forEach((offset, at) => {
      words[offset] = half ? floatFromHalf(coded[at]!) : coded[at]!;
    });
    return values;
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

  const operand = (header: OperandHeader, given: Operand | undefined): Operand => {
    if (header.kind === 'cosine') return header;
    const { layout } = header;
    const source = given as CodedOperand | undefined;
    if (header.kind !== 'quantized') {
      const values = floats(layout, header.kind, source?.kind === 'float' ? source.values : undefined);
      return { kind: 'float', shape: layout.shape, precision: header.kind, values };
    }
    const coded = levels(layout, source?.kind === 'quantized' ? source.levels : undefined);
    const shape = axesOf(layout).map((axis) => layout.shape[axis]!);
    return { kind: 'quantized', shape, step: stepOf(header.stepCode), levels: coded };
  };

  return (name, header, given) => {
    const { dtype, shape, network } = header;
    if (!network) {
      return { name, tensor: tensors(dtype, shape, given && 'tensor' in given ? given.tensor : undefined) };
    }
    const source = given && 'network' in given ? given.network : undefined;
    const operands = network.operands.map((own, at) => operand(own, source?.operands[at]));
    return { name, dtype, shape, network: { expression: asDecoded(network), shape: network.shape, operands } };
  };
}
