/** The WebAssembly kernels but the products and convolutions, against the reference in TypeScript. */
import { beforeAll, describe, expect, it } from 'vitest';
import { hasRelaxedSimd } from '../../../runtime/wasm/instantiate.ts';
import { GENERAL_CASES } from './general-cases.ts';
import { difference, referenceBench, type Workbench, wasmBench } from './workbench.ts';

const VARIANTS = [false, ...(hasRelaxedSimd() ? [true] : [])];

describe.each(VARIANTS)('kernels with relaxed SIMD: %s', (relaxed) => {
  let fast: Workbench;
  let reference: Workbench;
  beforeAll(async () => {
    fast = await wasmBench(relaxed);
    reference = referenceBench();
  });

  it.each(Object.entries(GENERAL_CASES))('%s', (_, cases) => {
    const failures = cases.flatMap(({ name, run, tolerance }) => {
      for (const bench of [fast, reference]) bench.clear();
      const actual = run(fast);
      const expected = run(reference);
      const problems = expected.map((array, i) => difference(actual[i]!, array, tolerance));
      if (fast.overrun() !== undefined) problems.push('something was written behind a buffer');
      return problems.filter((problem) => problem !== undefined).map((problem) => `${name}: ${problem}`);
    });
    expect(failures).toEqual([]);
  });
});
