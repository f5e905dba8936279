/**
 * Long work in turns: a generator that yields wherever it may be interrupted, and two ways to run it.
 */

/** Work that yields where it may be interrupted, and returns its result. */
export type Work<T> = Generator<void, T>;

/** Does the work at once. */
export function atOnce<T>(work: Work<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Does the work a turn at a time, with a breath between. */
export async function inTurns<T>(work: Work<T>, breathe: Breathe): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await breathe();
  }
}

/** Waits a moment for other tasks of the page where work has gone on for long; rejects where it is to be given up. */
export type Breathe = () => Promise<void>;

/** Milliseconds of work between two breaths: a frame has 16, and long tasks begin at 50. */
const TURN = 12;

/** Breaths for one piece of work, which rejects with the signal's reason where that aborts. */
export function breather(signal?: AbortSignal): Breathe {
  let start = performance.now();
  return async () => {
    if (performance.now() - start < TURN) return;
    await nextTask();
    signal?.throwIfAborted();
    start = performance.now();
  };
}

/** Resolves in a task of its own: unlike timers, messages are not held back in background tabs, or when nested. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
