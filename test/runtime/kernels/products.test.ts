/** Packing, matrix products, convolutions and the kernels of the frequency domain in WebAssembly, against the reference in TypeScript. */
import { beforeAll, describe, expect, it } from 'vitest';
import { hasRelaxedSimd } from '../../../runtime/wasm/instantiate.ts';
import { FREQUENCY_CASES } from './frequency-cases.ts';
import { PRODUCT_CASES } from './product-cases.ts';
import { failuresOf, referenceBench, type Workbench, wasmBench } from './workbench.ts';

const VARIANTS = [false, ...(hasRelaxedSimd() ? [true] : [])];

describe.each(VARIANTS)('kernels with relaxed SIMD: %s', (relaxed) => {
  let fast: Workbench;
  let reference: Workbench;
  beforeAll(async () => {
    fast = await wasmBench(relaxed);
    reference = referenceBench();
  });

  it.each(Object.entries({ ...PRODUCT_CASES, ...FREQUENCY_CASES }))('%s', (_, cases) => {
    expect(failuresOf(cases, fast, reference)).toEqual([]);
  });
});
