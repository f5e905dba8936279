/**
 * Timing for the benches: competitors run in turn, so that whatever else the machine does hits all of them.
 */

/** The middle value, or the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Seconds that each of `peers` (functions by name) takes, `rounds` times in turn after one round to warm up. */
export function inTurn(peers, rounds) {
  const seconds = new Map(Object.keys(peers).map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(peers)) {
      const start = performance.now();
      run();
      if (round >= 0) seconds.get(name).push((performance.now() - start) / 1000);
    }
  }
  return new Map([...seconds].map(([name, values]) => [name, median(values)]));
}

/** A duration as people read it. */
export function duration(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  return seconds >= 1e-3 ? `${(seconds * 1e3).toFixed(2)} ms` : `${(seconds * 1e6).toFixed(1)} µs`;
}
