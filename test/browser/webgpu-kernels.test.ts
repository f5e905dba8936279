/** The kernels as shaders, against those in TypeScript. */
import { describe, expect, it } from 'vitest';
import { ALL_SHADERS } from '../../runtime/webgpu/all-shaders.ts';
import { FREQUENCY_CASES, RARE_FREQUENCY_CASES } from '../runtime/kernels/frequency-cases.ts';
import { GPU_CASES } from '../runtime/kernels/general-cases.ts';
import { PRODUCT_CASES } from '../runtime/kernels/product-cases.ts';
import type { KernelCase } from '../runtime/kernels/workbench.ts';
import { failuresOnGpu, testDevice } from '../runtime/webgpu/gpu-bench.ts';
import { RARE_CASES } from '../runtime/webgpu/rare-cases.ts';

const adapter = await testDevice();
/** Kernels whose cases have another name. */
const KERNELS: Readonly<Record<string, string>> = { opcodes: 'elementwise', slopes: 'elementwise', special: 'softmax' };
const isShader = (name: string) => (KERNELS[name] ?? name) in ALL_SHADERS.kernels;

const CASES: [name: string, cases: readonly KernelCase[]][] = Object.entries({
  ...GPU_CASES,
  ...PRODUCT_CASES,
  ...FREQUENCY_CASES,
  ...RARE_CASES,
  ...RARE_FREQUENCY_CASES,
}).filter(([name]) => isShader(name));

/** The first cases, which are often special ones, and some of the others: compiling them all would take minutes. */
const someOf = (cases: readonly KernelCase[], most: number) => {
  const step = Math.ceil(cases.length / most);
  return cases.filter((_, at) => at < 8 || at % step === 0);
};

describe.skipIf(!adapter)('shaders', () => {
  it.for(CASES)('%s', async ([, cases]) => {
    const { device, facts } = adapter!;
    expect(await failuresOnGpu(device, facts, someOf(cases, 40))).toEqual([]);
  });

  it.for(CASES)('%s without subgroups, in groups of seven by many', async ([, cases]) => {
    const { device, facts } = adapter!;
    const other = { ...facts, subgroupSize: 0, mostGroups: 7 };
    expect(await failuresOnGpu(device, other, someOf(cases, 10))).toEqual([]);
  });
});
