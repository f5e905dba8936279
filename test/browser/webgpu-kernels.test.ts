/** The kernels as shaders, against those in TypeScript. */
import { describe, expect, it } from 'vitest';
import { SHADERS } from '../../runtime/webgpu/shaders.ts';
import { FREQUENCY_CASES, RARE_FREQUENCY_CASES } from '../runtime/kernels/frequency-cases.ts';
import { GPU_CASES } from '../runtime/kernels/general-cases.ts';
import { PRODUCT_CASES } from '../runtime/kernels/product-cases.ts';
import type { KernelCase } from '../runtime/kernels/workbench.ts';
import { failuresOnGpu, testDevice } from '../runtime/webgpu/gpu-bench.ts';

const adapter = await testDevice();
/** Kernels whose cases have another name. */
const KERNELS: Readonly<Record<string, string>> = { opcodes: 'elementwise' };
const isShader = (name: string) => (KERNELS[name] ?? name) in SHADERS;

const CASES: [name: string, cases: readonly KernelCase[]][] = Object.entries({
  ...GPU_CASES,
  ...PRODUCT_CASES,
  ...FREQUENCY_CASES,
  ...RARE_FREQUENCY_CASES,
});

describe.skipIf(!adapter)('shaders', () => {
  it.for(CASES.filter(([name]) => isShader(name)))('%s', async ([, cases]) => {
    const { device, facts } = adapter!;
    expect(await failuresOnGpu(device, facts, cases)).toEqual([]);
  });
});
