/**
 * What sessions leave behind when they are gone: nothing. FQZ_LOADS sets how many; the full 10,000 take half a minute.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { load } from '../../runtime/full.ts';

const LOADS = Number(process.env.FQZ_LOADS ?? 1000);
/** After so many, caches and compiled code are as large as they get. */
const FIRST = Math.min(100, LOADS / 2);
/** Bytes; one WebAssembly memory that stayed for each twenty loads would be more. */
const NOISE = 3_000_000;

const FILE = new Uint8Array(readFileSync(new URL('../../fixtures/v1/shapes.fp16.fqz', import.meta.url)));
const sequence = { data: new Float32Array(12), shape: [2, 1, 6] };

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Bytes that are reachable, typed arrays and WebAssembly memories included. */
async function bytesInUse(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  // Memories are given back some turns after they have been found to be garbage.
  for (let turn = 0; turn < 5; turn++) {
    collect();
    await setTimeout(5);
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

it.each(['wasm', 'js'] as const)(
  `${LOADS} loads, runs and disposes on %s do not grow memory`,
  async (backend) => {
    let before = 0;
    for (let count = 0; count < LOADS; count++) {
      if (count === FIRST) before = await bytesInUse();
      const session = await load(FILE, { backend });
      await session.run({ sequence });
      session.dispose();
    }
    expect((await bytesInUse()) - before).toBeLessThan(NOISE);
  },
  600_000,
);

it('a session that is held holds no more than it says, and nothing once disposed of', async () => {
  const before = await bytesInUse();
  const sessions = await Promise.all(Array.from({ length: 20 }, () => load(FILE, { backend: 'js' })));
  await Promise.all(sessions.map((session) => session.run({ sequence })));
  const total = sessions.reduce((sum, session) => sum + session.info.memory.total, 0);
  const held = (await bytesInUse()) - before;
  expect(held).toBeGreaterThan(0.9 * total);
  expect(held).toBeLessThan(total + NOISE);
  for (const session of sessions) session.dispose();
  // The sessions themselves are still reachable.
  expect((await bytesInUse()) - before).toBeLessThan(NOISE);
  expect(sessions).toHaveLength(20);
});
