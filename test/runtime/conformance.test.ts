import { beforeAll, describe, expect, it } from 'vitest';
import { type Machine, referenceMachine, wasmMachine } from '../../runtime/machine.ts';
import { hasShared, sharedPath } from '../support/shared-data.ts';
import { readTarGz } from '../support/tar.ts';
import {
  type NodeTest,
  nodeTest,
  nodeTestNames,
  operatorsOf,
  runNodeTest,
  type Unsupported,
  type Verdict,
} from './conformance/node-tests.ts';

const ARCHIVE = 'conformance/onnx-node-tests-1.18.tar.gz';

/** No fewer cases may pass. */
const PASSED = 1206;
const OPERATORS = 156;

const MACHINES: Record<string, () => Machine | Promise<Machine>> = {
  js: referenceMachine,
  wasm: () => wasmMachine({ relaxed: false }),
};

describe.skipIf(!hasShared(ARCHIVE))('ONNX node tests (skipped without the shared conformance archive)', () => {
  const tests: (NodeTest | Unsupported)[] = [];

  beforeAll(async () => {
    const files = readTarGz(sharedPath(ARCHIVE));
    for (const name of nodeTestNames(files)) tests.push(await nodeTest(files, name));
  });

  it.each(Object.keys(MACHINES))('pass on %s, or are refused for what they need', async (backend) => {
    const machine = await MACHINES[backend]!();
    const failures: string[] = [];
    const reasons = new Map<string, number>();
    const covered = new Set<string>();
    let passed = 0;
    for (const test of tests) {
      const verdict: Verdict =
        'unsupported' in test ? { kind: 'unsupported', why: test.unsupported } : runNodeTest(test, machine);
      if (verdict.kind === 'passed') {
        passed++;
        for (const operator of operatorsOf(test as NodeTest)) covered.add(operator);
      } else if (verdict.kind === 'unsupported') reasons.set(verdict.why, (reasons.get(verdict.why) ?? 0) + 1);
      else failures.push(`${test.name}: ${verdict.why}`);
    }
    const unsupported = [...reasons].sort((a, b) => b[1] - a[1]);
    const count = unsupported.reduce((sum, [, cases]) => sum + cases, 0);
    const list = unsupported.map(([why, cases]) => `${cases} ${why}`).join('; ');
    console.info(
      `${backend}: passed ${passed} of ${tests.length}, unsupported ${count} (${list}), operators covered ${covered.size}`,
    );
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThanOrEqual(PASSED);
    expect(covered.size).toBeGreaterThanOrEqual(OPERATORS);
  });
});
