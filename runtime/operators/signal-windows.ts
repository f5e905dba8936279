/**
 * HannWindow, HammingWindow and BlackmanWindow (ONNX operator documentation).
 */
import { type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import { intAttribute } from '../../src/graph/graph.ts';
import type { Lower, Operators } from './operator.ts';
import { countUp } from './shapes.ts';

/** A sum of cosines: `weights[i]` is the share of the i-th harmonic. */
const window =
  (...weights: number[]): Lower =>
  (plan, node, [size]) => {
    const count = plan.numbers(size!)[0]!;
    const period = count - 1 + intAttribute(node, 'periodic', 1);
    const dtype = dtypeFromCode(intAttribute(node, 'output_datatype', 1)) as DType;
    const numbers = countUp(count).map((at) =>
      weights.reduce((sum, weight, harmonic) => sum + weight * Math.cos((2 * Math.PI * harmonic * at) / period), 0),
    );
    return [plan.constant(dtype, [count], numbers)];
  };

export const SIGNAL_WINDOW_OPERATORS: Operators = {
  HannWindow: window(0.5, -0.5),
  HammingWindow: window(25 / 46, -21 / 46),
  BlackmanWindow: window(0.42, -0.5, 0.08),
};
