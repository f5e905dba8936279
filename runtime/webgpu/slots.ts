/**
 * Gives temporaries their buffers on the GPU: those that are never needed at the same time share one, the largest first (greedy by
 * size for shared objects, Pisarchyk and Lee 2020, arXiv 2001.03288). Unlike in linear memory, a buffer can't be read and written in
 * one dispatch, so results never take the place of operands.
 */
import type { Buffer, TemporaryBuffer } from '../plan/buffer.ts';

/** Buffers to be, and which temporaries each stands for. */
export interface Slots {
  /** Words of each. */
  readonly sizes: readonly number[];
  readonly slotOf: ReadonlyMap<TemporaryBuffer, number>;
}

/** `uses` has the buffers that each command names, in order; `given` are filled before the first, `kept` are read after the last. */
export function assignSlots(
  uses: readonly (readonly Buffer[])[],
  given: readonly Buffer[],
  kept: readonly Buffer[],
): Slots {
  const lives = new Map<TemporaryBuffer, { first: number; last: number }>();
  [given, ...uses, kept].forEach((buffers, at) => {
    for (const buffer of buffers) {
      if (buffer.kind !== 'temporary') continue;
      const life = lives.get(buffer);
      if (life) life.last = at;
      else lives.set(buffer, { first: at, last: at });
    }
  });
  const slots: { words: number; lives: { first: number; last: number }[] }[] = [];
  const slotOf = new Map<TemporaryBuffer, number>();
  const bySize = [...lives].sort(([a, { first }], [b, { first: other }]) => b.words - a.words || first - other);
  for (const [buffer, life] of bySize) {
    let at = slots.findIndex((slot) => slot.lives.every(({ first, last }) => last < life.first || first > life.last));
    if (at < 0) at = slots.push({ words: buffer.words, lives: [] }) - 1;
    slots[at]!.lives.push(life);
    slotOf.set(buffer, at);
  }
  return { sizes: slots.map(({ words }) => words), slotOf };
}
