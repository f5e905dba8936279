/**
 * Gives temporaries their places in one arena: buffers that are never needed at the same time share memory. The largest
 * come first, each at the lowest place that is free for its lifetime (greedy by size, Pisarchyk and Lee 2020, arXiv
 * 2001.03288, section 5.2).
 */
import type { TemporaryBuffer } from './buffer.ts';
import type { Step } from './plan.ts';

/** Words between the starts of buffers, so that each is aligned for SIMD. */
const ALIGNMENT_WORDS = 4;

/** Places of temporaries. */
export interface MemoryPlan {
  /** Word offset of each temporary within the arena. */
  readonly offsets: ReadonlyMap<TemporaryBuffer, number>;
  /** Words that the arena needs. */
  readonly words: number;
}

interface Lifetime {
  words: number;
  first: number;
  last: number;
  readonly buffers: TemporaryBuffer[];
}

/** `given` are filled before the first step, `kept` are read after the last. */
export function planMemory(
  steps: readonly Step[],
  given: Iterable<TemporaryBuffer>,
  kept: Iterable<TemporaryBuffer>,
): MemoryPlan {
  const lifetimes = new Map<TemporaryBuffer, Lifetime>();
  const touch = (buffer: TemporaryBuffer, at: number) => {
    const own = lifetimes.get(buffer);
    if (own) own.last = at;
    else lifetimes.set(buffer, { words: buffer.words, first: at, last: at, buffers: [buffer] });
  };
  for (const buffer of given) touch(buffer, -1);
  steps.forEach(({ args }, at) => {
    for (const argument of args) if (typeof argument !== 'number' && argument.kind === 'temporary') touch(argument, at);
  });
  for (const buffer of kept) touch(buffer, steps.length);
  takeOver(steps, lifetimes);
  return place([...new Set(lifetimes.values())]);
}

/** A result may take the place of an operand that ends with the step, where the step can work in place. */
function takeOver(steps: readonly Step[], lifetimes: Map<TemporaryBuffer, Lifetime>): void {
  steps.forEach(({ inPlace }, at) => {
    if (!inPlace) return;
    const result = lifetimes.get(inPlace.result);
    if (!result || result.first !== at) return;
    for (const operand of inPlace.operands) {
      const own = lifetimes.get(operand);
      if (!own || own === result || own.last !== at || own.words !== result.words) continue;
      own.last = result.last;
      own.buffers.push(...result.buffers);
      for (const buffer of result.buffers) lifetimes.set(buffer, own);
      return;
    }
  });
}

function place(lifetimes: Lifetime[]): MemoryPlan {
  const offsets = new Map<TemporaryBuffer, number>();
  const placed: { start: number; end: number; first: number; last: number }[] = [];
  let words = 0;
  lifetimes.sort((a, b) => b.words - a.words || a.first - b.first);
  for (const { words: size, first, last, buffers } of lifetimes) {
    const rounded = Math.ceil(Math.max(size, 1) / ALIGNMENT_WORDS) * ALIGNMENT_WORDS;
    let start = 0;
    // `placed` is kept in order of start, so that one pass finds the lowest gap.
    for (const other of placed) {
      if (other.first > last || other.last < first) continue;
      if (other.start >= start + rounded) break;
      start = Math.max(start, other.end);
    }
    const end = start + rounded;
    let at = placed.length;
    while (at > 0 && placed[at - 1]!.start > start) at--;
    placed.splice(at, 0, { start, end, first, last });
    for (const buffer of buffers) offsets.set(buffer, start);
    words = Math.max(words, end);
  }
  return { offsets, words };
}
