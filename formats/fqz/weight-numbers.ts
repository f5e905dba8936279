/**
 * The numbers of one weight, whose header is known (SPEC.md, "Coefficients").
 */
import type { StoredWeight } from '../../src/codec/archive.ts';
import { floatFromHalf } from '../../src/codec/half.ts';
import type { Operand } from '../../src/codec/network.ts';
import { stepOf } from '../../src/codec/step.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import type { BitCoder } from './bit-coder.ts';
import { axesOf, type CoreLayout, codedCount, forEachCoded } from './coded-order.ts';
import type { NumberRuns } from './number-runs.ts';
import { type Refine, refined } from './refinements-code.ts';
import { exactTensor } from './tensor-code.ts';
import type { NamedHeader } from './weight-header.ts';

/**
 * The weight of this header, refined by `layers`; to be called for all weights of a file in order, since the statistics run
 * through.
 */
export function weightNumbers(
  coder: BitCoder,
  { levels, patterns, inCodedOrder }: NumberRuns,
  { name, dtype, shape, network }: NamedHeader,
  layers: readonly Refine[],
): StoredWeight {
  if (!network) return { name, tensor: exactTensor(coder, patterns, 'weight', dtype, shape) };
  const [letters, result] = network.expression.split('->');
  const parts = letters!.split(',');
  const operands = network.operands.map((header, at): Operand => {
    const { kind, layout } = header;
    if (kind === 'cosine') return header;
    if (kind !== 'quantized') {
      const words = patterns('network', kind, codedCount(layout));
      if (kind === 'float16') for (let i = 0; i < words.length; i++) words[i] = floatFromHalf(words[i]!);
      return { kind: 'float', shape: layout.shape, precision: kind, values: spread(layout, words) };
    }
    const { factors } = header;
    const isRefined = factors.some(Boolean);
    const { chainAxis, ...plain } = layout;
    const coded = isRefined ? plain : layout;
    // The letters stand in the order of the axes that the levels have.
    const axes = inCodedOrder ? axesOf(coded) : [...layout.shape.keys()];
    parts[at] = axes.map((axis) => parts[at]![axis]).join('');
    const shape = axes.map((axis) => layout.shape[axis]!);
    const own = { kind, shape, step: stepOf(header.stepCode), levels: levels(coded) } as const;
    const chains = chainAxis !== undefined && { chainAxis: axes.indexOf(chainAxis) };
    if (!isRefined) return { ...own, ...chains };
    const frequencyAxes = layout.frequencyAxes.map((axis) => axes.indexOf(axis));
    return refined(own, { shape, frequencyAxes, frequencies: layout.frequencies, ...chains }, factors, layers);
  });
  return { name, dtype, shape, network: { expression: `${parts}->${result}`, shape: network.shape, operands } };
}

/** Float patterns where they belong. */
function spread(layout: CoreLayout, words: Uint32Array): Float32Array {
  if (layout.frequencyAxes.length === 0 && layout.frequencies === 1) return new Float32Array(words.buffer);
  const values = new Uint32Array(elementCount(layout.shape));
  let count = 0;
  forEachCoded(layout, (offset) => {
    values[offset] = words[count++]!;
  });
  return new Float32Array(values.buffer);
}
