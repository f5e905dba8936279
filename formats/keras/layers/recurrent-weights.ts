/**
 * Brings the weights of recurrent layers into the order of ONNX's RNN, GRU and LSTM, which have one matrix
 * (units, features) after another. Keras has kernels of (features, gates · units), and the CuDNN layers of Keras 2 keep
 * their own (`_convert_rnn_weights` in its HDF5 reader).
 */

/** A bias (gates · units) with its gates in ONNX' order, which `gates` gives as positions in Keras' order. */
export function reorderedBias(bias: Float32Array, units: number, gates: readonly number[]): Float32Array {
  const result = new Float32Array(gates.length * units);
  gates.forEach((gate, place) => {
    result.set(bias.subarray(gate * units, (gate + 1) * units), place * units);
  });
  return result;
}

/** A kernel (rows, gates · units) as (gates · units, rows). */
export function turnedKernel(
  values: Float32Array,
  rows: number,
  units: number,
  gates: readonly number[],
): Float32Array {
  const columns = gates.length * units;
  const result = new Float32Array(values.length);
  gates.forEach((gate, place) => {
    for (let unit = 0; unit < units; unit++) {
      for (let row = 0; row < rows; row++) {
        result[(place * units + unit) * rows + row] = values[row * columns + gate * units + unit]!;
      }
    }
  });
  return result;
}

/**
 * A kernel (rows, gates · units) as one matrix (rows, units) after another. CuDNN layers are declared as the others, but
 * CuDNN reads the memory of each gate as (units, rows), which is what ONNX wants.
 */
export function untiledKernel(
  values: Float32Array,
  rows: number,
  units: number,
  gates: readonly number[],
): Float32Array {
  const columns = gates.length * units;
  const result = new Float32Array(values.length);
  gates.forEach((gate, place) => {
    for (let row = 0; row < rows; row++) {
      const start = row * columns + gate * units;
      result.set(values.subarray(start, start + units), (place * rows + row) * units);
    }
  });
  return result;
}
