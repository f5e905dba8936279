/**
 * Counts the memory that a piece of code takes for typed arrays.
 */

const ARRAYS = [
  'ArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Uint16Array',
  'Int16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const;

/** More typed-array memory was asked for than allowed. */
export class TooMuchMemory extends Error {}

/**
 * From now on, typed array constructors add up what they allocate (also what has become garbage since) and throw
 * `TooMuchMemory` when it passes `limit` bytes, before the memory is taken. Returns what ends that.
 */
export function limitAllocations(limit: number): () => void {
  let total = 0;
  const scope = globalThis as Record<string, unknown>;
  const originals = ARRAYS.map((name) => [name, scope[name]] as const);
  for (const [name, original] of originals) {
    const width = (original as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    scope[name] = new Proxy(original as new (...args: unknown[]) => ArrayBuffer, {
      construct(target, args, newTarget) {
        const [first] = args;
        const length = typeof first === 'number' ? first : ((first as { length?: number } | undefined)?.length ?? 0);
        // An array over an existing buffer has no length of its own.
        total += width * length;
        if (total > limit) throw new TooMuchMemory(`${total} bytes of typed arrays`);
        return Reflect.construct(target, args, newTarget);
      },
    });
  }
  return () => {
    for (const [name, original] of originals) scope[name] = original;
  };
}

/** Runs `work`, which must be synchronous, within a limit on allocations. */
export function withAllocationLimit<T>(limit: number, work: () => T): T {
  const end = limitAllocations(limit);
  try {
    return work();
  } finally {
    end();
  }
}
