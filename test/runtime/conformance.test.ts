import { beforeAll, describe, expect, it } from 'vitest';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { furtherKernels } from '../../runtime/js/rare/further-kernels.ts';
import { type Machine, wasmMachine } from '../../runtime/machine.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { readTarGz } from '../support/tar.ts';
import {
  LEAST,
  type NodeTest,
  nodeTests,
  onMachine,
  runNodeTests,
  type Unsupported,
} from './conformance/node-tests.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

const MACHINES: Record<string, () => Machine | Promise<Machine>> = {
  js: referenceMachine,
  'wasm-simd': () => wasmMachine({ relaxed: false, further: furtherKernels }),
};

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  let tests: (NodeTest | Unsupported)[];

  beforeAll(async () => {
    tests = await nodeTests(readTarGz(sharedPath(ARCHIVE)));
  });

  it.each(Object.keys(MACHINES))('pass on %s, or are refused for what they need', async (backend) => {
    const { passed, operators, failures, text } = await runNodeTests(tests, onMachine(await MACHINES[backend]!()));
    console.info(`${backend}: ${text}`);
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThanOrEqual(LEAST.passed);
    expect(operators).toBeGreaterThanOrEqual(LEAST.operators);
  });
});
