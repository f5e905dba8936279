/**
 * A progress bar on standard error where that is a terminal, and nothing elsewhere.
 */
import type { SingleBar } from 'cli-progress';
import type { Io } from './io.ts';

export interface Progress {
  /** `done` of `total` steps of `phase`; a new phase starts the bar again. */
  update(state: { phase?: string; done: number; total: number }): void;
}

/** Runs `work` with a progress bar, which is gone afterwards. */
export async function withProgress<Result>(io: Io, work: (progress: Progress) => Promise<Result>): Promise<Result> {
  if (!io.terminal) return work({ update: () => {} });
  const { default: cliProgress } = await import('cli-progress');
  const bar: SingleBar = new cliProgress.SingleBar({
    format: '{phase} {bar} {value}/{total}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    stream: io.terminal,
    clearOnComplete: true,
  });
  let started = false;
  try {
    return await work({
      update({ phase = 'running', done, total }) {
        if (!started) bar.start(total, done, { phase });
        started = true;
        bar.setTotal(total);
        bar.update(done, { phase });
      },
    });
  } finally {
    bar.stop();
  }
}
