/** The loop over time of RNN, GRU and LSTM, after the equations of the ONNX operator documentation. */
import { ACTIVATIONS } from '../../kernels/activations.ts';
import type { Reference } from '../memory.ts';

const FUNCTIONS = Object.values(ACTIVATIONS);
/** Words of the table before the activation functions, of which the last is the clip threshold. */
const HEADER = 16;

export const recurrent: Reference<'recurrent'> = (
  { floats, words },
  table,
  x,
  weights,
  bias,
  peepholes,
  hidden,
  cell,
  lengths,
  y,
) => {
  const [gates, size, steps, batch, directions, reverse, late, coupled, xStep, xBatch, ...strides] = words.subarray(
    table / 4,
    table / 4 + HEADER,
  ) as unknown as [number, number, number, number, number, number, number, number, number, number, ...number[]];
  const [yStep, yBatch, yDirection, stateBatch, stateDirection] = strides as [number, number, number, number, number];
  const rows = gates * size;
  const threshold = floats[table / 4 + HEADER - 1]!;
  /** R · h and its bias; later also gates. */
  const sums = new Float32Array(rows);
  const reset = new Float32Array(size);

  for (let sequence = 0; sequence < directions * batch; sequence++) {
    const direction = Math.floor(sequence / batch);
    const row = sequence % batch;
    const length = Math.min(steps, words[lengths / 4 + row]!);
    const state = direction * stateDirection + row * stateBatch;
    const [h, c] = [hidden / 4 + state, cell / 4 + state];
    const w = weights / 4 + direction * rows * size;
    const b = bias / 4 + direction * 2 * rows;
    const p = peepholes / 4 + direction * 3 * size;
    const functions = table / 4 + HEADER + 3 * direction * Math.max(1, gates - 1);

    const squash = (which: number, value: number, clip = threshold) => {
      const at = functions + 3 * which;
      const { apply } = FUNCTIONS[words[at]!]!;
      return apply(Math.max(-clip, Math.min(clip, value)), floats[at + 1]!, floats[at + 2]!);
    };
    const project = (from: number, vector: Float32Array, start: number) => {
      for (let i = from; i < rows; i++) {
        let sum = floats[b + rows + i]!;
        for (let j = 0; j < size; j++) sum += floats[w + i * size + j]! * vector[start + j]!;
        sums[i] = sum;
      }
    };

    for (let step = 0; step < steps; step++) {
      const time = step < length && (reverse || direction) ? length - 1 - step : step;
      const out = y / 4 + direction * yDirection + time * yStep + row * yBatch;
      if (step >= length) {
        floats.fill(0, out, out + size);
        continue;
      }
      const given = x / 4 + (direction * steps * batch + time * xStep + row * xBatch) * rows;
      const own = (i: number) => floats[given + i]! + floats[b + i]!;
      project(0, floats, h);
      if (gates === 1) {
        for (let j = 0; j < size; j++) floats[h + j] = squash(0, own(j) + sums[j]!);
      } else if (gates === 3) {
        for (let j = 0; j < size; j++) {
          sums[j] = squash(0, own(j) + sums[j]!);
          const factor = squash(0, own(size + j) + sums[size + j]!);
          reset[j] = factor * floats[h + j]!;
          sums[2 * size + j]! *= factor;
        }
        if (!late) project(2 * size, reset, 0);
        for (let j = 0; j < size; j++) {
          const candidate = squash(1, own(2 * size + j) + sums[2 * size + j]!);
          floats[h + j] = candidate + sums[j]! * (floats[h + j]! - candidate);
        }
      } else {
        // The order of gates is input, output, forget, cell.
        for (let j = 0; j < size; j++) {
          const gate = (index: number, memory: number) =>
            squash(0, own(index * size + j) + sums[index * size + j]! + floats[p + index * size + j]! * memory);
          const before = floats[c + j]!;
          const input = gate(0, before);
          const forget = coupled ? 1 - input : gate(2, before);
          const after = forget * before + input * squash(1, own(3 * size + j) + sums[3 * size + j]!);
          floats[c + j] = after;
          // The cell itself is not clipped on its way out, as in onnxruntime.
          floats[h + j] = gate(1, after) * squash(2, after, Number.POSITIVE_INFINITY);
        }
      }
      floats.copyWithin(out, h, h + size);
    }
  }
};
