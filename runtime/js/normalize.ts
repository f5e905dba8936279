/** Normalisation of rows: InstanceNormalization, LayerNormalization, GroupNormalization and their like. */
import * as opcodes from '../kernels/opcodes.ts';
import type { Reference } from './memory.ts';

export const normalize: Reference<'normalize'> = (
  { floats, words },
  geometry,
  x,
  scale,
  bias,
  y,
  epsilon,
  low,
  high,
  mean,
  inverse,
) => {
  const g = words.subarray(geometry / 4);
  const length = g[opcodes.NORMALIZE_LENGTH]!;
  for (let row = 0; row < g[opcodes.NORMALIZE_ROWS]!; row++) {
    const from = x / 4 + row * length;
    let sum = 0;
    for (let i = 0; i < length; i++) sum += floats[from + i]!;
    const centre = g[opcodes.NORMALIZE_RMS] ? 0 : sum / length;
    let deviation = 0;
    for (let i = 0; i < length; i++) deviation += (floats[from + i]! - centre) ** 2;
    const factor = 1 / Math.sqrt(deviation / length + epsilon);
    const first = (row % g[opcodes.NORMALIZE_ROW_PERIOD]!) * g[opcodes.NORMALIZE_ROW_STEP]!;
    for (let i = 0; i < length; i++) {
      const index = first + Math.floor(i / g[opcodes.NORMALIZE_RUN]!);
      const slope = scale ? floats[scale / 4 + index]! : 1;
      const offset = bias ? floats[bias / 4 + index]! : 0;
      const value = (floats[from + i]! - centre) * factor * slope + offset;
      floats[y / 4 + row * length + i] = Math.max(low, Math.min(high, value));
    }
    if (mean) floats[mean / 4 + row] = centre;
    if (inverse) floats[inverse / 4 + row] = factor;
  }
};
