/**
 * Seeded randomness in streams: a stream is named by the seed and by what it is for, such as the number of an epoch, so that
 * a fit that was interrupted draws the same numbers when it goes on, with no state to keep.
 */

/** One stream of random numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Standard normal (Box and Muller). */
  normal(): number;
  /** A whole number from 0 to `count` − 1. */
  below(count: number): number;
}

/** The stream that `keys` name: the same keys give the same numbers on every machine. */
export function randomStream(...keys: readonly number[]): Random {
  // Every key goes through the finaliser of MurmurHash3 (A. Appleby), so that neighbouring seeds have nothing in common.
  let state = keys.reduce((hash, key) => mix((hash ^ Math.floor(key)) + 0x9e3779b9), 0x243f6a88);
  const uniform = () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (count) => Math.floor(uniform() * count),
  };
}

function mix(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The numbers from 0 to `count` − 1 in random order (Fisher and Yates). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
