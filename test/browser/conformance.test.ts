/// <reference types="vite/client" />
/**
 * ONNX's node tests in a page, on both builds of the WebAssembly kernels, since relaxed SIMD is something that Node does not have, and
 * on WebGPU.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { furtherKernels } from '../../runtime/js/rare/further-kernels.ts';
import { type Machine, wasmMachine } from '../../runtime/machine.ts';
import { openGpu } from '../../runtime/webgpu/device.ts';
import {
  LEAST,
  type NodeTest,
  nodeTests,
  onGpu,
  onMachine,
  runNodeTests,
  type Unsupported,
} from '../runtime/conformance/node-tests.ts';
import { readTar } from '../support/ustar.ts';

const [url] = Object.values(
  import.meta.glob<string>('../../../shared/conformance/onnx-node-tests-1.18.tar.gz', {
    eager: true,
    query: '?url',
    import: 'default',
  }),
);

const MACHINES: Record<string, () => Machine | Promise<Machine>> = {
  js: referenceMachine,
  'wasm-simd': () => wasmMachine({ relaxed: false, further: furtherKernels }),
  'wasm-relaxed': () => wasmMachine({ relaxed: true, further: furtherKernels }),
};

/** Cases under way at once on the GPU, most of whose time goes by in compiling shaders. */
const GPU_CASES = 4;

describe.skipIf(!url)('ONNX node tests (skipped without the shared conformance archive)', () => {
  let tests: (NodeTest | Unsupported)[];

  beforeAll(async () => {
    // Vite serves it as content that is encoded by gzip, so that fetching unpacks it.
    const response = await fetch(url!);
    tests = await nodeTests(readTar(new Uint8Array(await response.arrayBuffer())));
  });

  it.each(Object.keys(MACHINES))('pass on %s, or are refused for what they need', async (backend) => {
    const machine = await MACHINES[backend]!();
    if (machine.backend === 'wasm') expect(backend).toContain(machine.variant!.replace('-simd', ''));
    const { passed, operators, failures } = await runNodeTests(tests, onMachine(machine));
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThanOrEqual(LEAST.passed);
    expect(operators).toBeGreaterThanOrEqual(LEAST.operators);
  });

  it('pass on webgpu, or are refused for what they need', { timeout: 600_000 }, async () => {
    const open = onGpu(await openGpu(), await wasmMachine({ further: furtherKernels }));
    const { passed, operators, failures, text } = await runNodeTests(tests, open, GPU_CASES);
    console.info(`webgpu: ${text}`);
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThanOrEqual(LEAST.passed);
    expect(operators).toBeGreaterThanOrEqual(LEAST.operators);
  });
});
