/**
 * Instance normalisation of channels that are still maps: for channel c = Σ_a m[c, a] · map[a] + s[c] the mean is m[c] · μ + s[c] and
 * the variance m[c] Σ m[c]ᵀ, with the mean μ and the covariance Σ of the maps; so the norm becomes another matrix and shift.
 */
import { EXPAND_LANES } from '../../kernels/opcodes.ts';
import type { Reference } from '../memory.ts';

export const normalizeExpansion: Reference<'normalizeExpansion'> = (
  { floats },
  matrix,
  statistics,
  scale,
  bias,
  y,
  epsilon,
  batch,
  channels,
  rank,
) => {
  const shiftAt = Math.ceil(rank / EXPAND_LANES) * EXPAND_LANES;
  const row = shiftAt + EXPAND_LANES;
  for (let sample = 0; sample < batch; sample++) {
    const means = statistics / 4 + sample * rank * (1 + rank);
    const covariances = means + rank;
    for (let channel = 0; channel < channels; channel++) {
      const from = matrix / 4 + channel * row;
      const to = y / 4 + (sample * channels + channel) * row;
      let mean = 0;
      let variance = 0;
      for (let a = 0; a < rank; a++) {
        const factor = floats[from + a]!;
        mean += factor * floats[means + a]!;
        let sum = 0;
        for (let b = 0; b < rank; b++) sum += floats[covariances + a * rank + b]! * floats[from + b]!;
        variance += factor * sum;
      }
      const gain = floats[scale / 4 + channel]! / Math.sqrt(Math.max(0, variance) + epsilon);
      for (let a = 0; a < shiftAt; a++) floats[to + a] = gain * floats[from + a]!;
      floats[to + shiftAt] = floats[bias / 4 + channel]! - gain * mean;
    }
  }
};
