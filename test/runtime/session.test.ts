/**
 * The order of runs, aborts and the end of a session, over an engine that only counts.
 */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../runtime/engine.ts';
import { createSession, type SessionFacts } from '../../runtime/session.ts';

const facts: SessionFacts = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
  labels: ['a', 'b'],
  width: 1,
  fileBytes: 10,
};

/** An engine whose runs end when they are told to; `log` has what happened. */
function slowEngine() {
  const log: string[] = [];
  const pending: (() => void)[] = [];
  const engine = {
    backend: 'wasm',
    variant: 'simd',
    fallback: 'no GPU',
    memory: { weights: 1, activations: 2, total: 3 },
    plan: { steps: [{ kernel: 'conv' }, { kernel: 'pool' }, { kernel: 'conv' }] },
    dispose() {
      log.push('disposed');
    },
    run(feeds: ReadonlyMap<string, { data: Float32Array }>) {
      const { data } = feeds.get('x')!;
      log.push(`begin ${data[0]}`);
      return new Promise((resolve) =>
        pending.push(() => {
          log.push(`end ${data[0]}`);
          resolve(new Map([['y', { dtype: 'float32', shape: [data.length / 2, 2], data: data.map((x) => 2 * x) }]]));
        }),
      );
    },
  } as unknown as Engine;
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  /** Ends the run under way. */
  const next = async () => {
    await settle();
    pending.shift()?.();
    await settle();
  };
  return { engine, log, next };
}

const x = (value: number) => ({ x: Float32Array.of(value, 0) });
const gone = { name: 'InvalidStateError', message: 'the session has been disposed of' };

describe('run', () => {
  it('serves one after another, in the order of the calls', async () => {
    const { engine, log, next } = slowEngine();
    const session = createSession(engine, facts);
    const results = Promise.all([session.run(x(1)), session.run(x(2)), session.run(x(3))]);
    for (let at = 0; at < 3; at++) await next();
    expect((await results).map(({ y }) => y!.data[0])).toEqual([2, 4, 6]);
    expect(log).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3']);
  });

  it('goes on after a run that failed', async () => {
    const { engine, next } = slowEngine();
    const { run } = engine;
    let isFirst = true;
    const session = createSession(
      {
        ...engine,
        run(feeds) {
          if (!isFirst) return run(feeds);
          isFirst = false;
          throw new RangeError('too large');
        },
      },
      facts,
    );
    const first = session.run(x(1));
    const second = session.run(x(2));
    await expect(first).rejects.toThrow('too large');
    await next();
    expect((await second).y!.data[0]).toBe(4);
  });

  it('refuses bad inputs before the engine sees them', async () => {
    const { engine, log } = slowEngine();
    const session = createSession(engine, facts);
    await expect(session.run({})).rejects.toThrow(TypeError);
    await expect(session.run({ x: Float32Array.of(1, 2, 3) })).rejects.toThrow(RangeError);
    expect(log).toEqual([]);
  });

  it('is taken out of the queue by its signal', async () => {
    const { engine, log, next } = slowEngine();
    const session = createSession(engine, facts);
    const controller = new AbortController();
    const first = session.run(x(1));
    const second = session.run(x(2), { signal: controller.signal });
    const third = session.run(x(3));
    controller.abort(new Error('no longer wanted'));
    second.catch(() => {});
    await next();
    await next();
    await expect(second).rejects.toThrow('no longer wanted');
    await Promise.all([first, third]);
    expect(log).toEqual(['begin 1', 'end 1', 'begin 3', 'end 3']);
  });
});

describe('dispose', () => {
  it('lets the run under way end, and rejects those behind it', async () => {
    const { engine, log, next } = slowEngine();
    const session = createSession(engine, facts);
    const first = session.run(x(1));
    const second = session.run(x(2));
    second.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve));
    session.dispose();
    session.dispose();
    await next();
    expect((await first).y!.data[0]).toBe(2);
    await expect(second).rejects.toMatchObject(gone);
    await expect(session.run(x(3))).rejects.toMatchObject(gone);
    expect(() => session.info).toThrow('disposed');
    expect(log).toEqual(['begin 1', 'end 1', 'disposed']);
  });
});

describe('what a session tells', () => {
  it('of the model', () => {
    const session = createSession(slowEngine().engine, facts);
    expect(session).toMatchObject({ inputs: facts.inputs, outputs: facts.outputs, labels: ['a', 'b'] });
    expect('preparation' in session).toBe(false);
  });

  it('of itself', () => {
    expect(createSession(slowEngine().engine, facts).info).toEqual({
      backend: 'wasm',
      variant: 'simd',
      fallback: 'no GPU',
      width: 1,
      fileBytes: 10,
      memory: { weights: 1, activations: 2, total: 3 },
      plan: { steps: 3, kernels: { conv: 2, pool: 1 } },
    });
  });
});

describe('warmup', () => {
  it('runs on zeros', async () => {
    const { engine, log, next } = slowEngine();
    const session = createSession(engine, facts);
    const warm = session.warmup();
    await next();
    await warm;
    expect(log).toEqual(['begin 0', 'end 0']);
  });

  it('asks for shapes that it cannot know', async () => {
    const open: SessionFacts = { ...facts, inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 'W'] }] };
    const { engine, next } = slowEngine();
    const session = createSession(engine, open);
    await expect(session.warmup()).rejects.toThrow('input "x" is [N, W]: warmup needs its shape');
    const warm = session.warmup({ x: [1, 4] });
    await next();
    await warm;
  });
});
