/** Placeholder until the reader of pickled arrays is here. */
import { UnsupportedError } from '../../src/errors.ts';
import type { WeightStore } from './weight-store.ts';

export function npzStore(bytes: Uint8Array): WeightStore {
  throw new UnsupportedError(
    `Keras: model.weights.npz (${bytes.length} bytes) cannot be read: save the model with model.weights.h5`,
  );
}
