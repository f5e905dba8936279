/** The WebAssembly kernels but the products and convolutions, against the reference in TypeScript. */
import { beforeAll, describe, expect, it } from 'vitest';
import { INSTRUCTIONS } from '../../../runtime/js/instructions.ts';
import * as opcodes from '../../../runtime/kernels/opcodes.ts';
import { hasRelaxedSimd } from '../../../runtime/wasm/instantiate.ts';
import { GENERAL_CASES } from './general-cases.ts';
import { failuresOf, referenceBench, type Workbench, wasmBench } from './workbench.ts';

const VARIANTS = [false, ...(hasRelaxedSimd() ? [true] : [])];

describe.each(VARIANTS)('kernels with relaxed SIMD: %s', (relaxed) => {
  let fast: Workbench;
  let reference: Workbench;
  beforeAll(async () => {
    fast = await wasmBench(relaxed);
    reference = referenceBench();
  });

  it.each(Object.entries(GENERAL_CASES))('%s', (_, cases) => {
    expect(failuresOf(cases, fast, reference)).toEqual([]);
  });

  it.each([
    { name: 'exp', opcode: opcodes.EXP, low: -87, high: 88 },
    { name: 'log', opcode: opcodes.LOG, low: 0, high: 10 },
    { name: 'tanh', opcode: opcodes.TANH, low: -12, high: 12 },
    { name: 'sigmoid', opcode: opcodes.SIGMOID, low: -87, high: 20 },
    { name: 'erf', opcode: opcodes.ERF, low: -5, high: 5 },
  ])('$name has seven digits, however small it is', ({ opcode, low, high }) => {
    const count = 20_000;
    const x = Float32Array.from({ length: count }, (_, i) =>
      i % 2 ? low + ((high - low) * i) / count : (high * Math.sign((i % 4) - 1)) / 2 ** ((80 * i) / count),
    ).map((value) => Math.max(value, low));
    fast.clear();
    const y = fast.room(count);
    const program = fast.ofIntegers([1, 1, 0, 1, count, 1, opcode, 1, 0, 0, 0]);
    fast.kernels.elementwise(program, y, fast.ofFloats(x), 0, 0, 0, 0, 0);
    const errors = Array.from(x, (value, i) => {
      const expected = INSTRUCTIONS[opcode]!.of(value, 0);
      const actual = fast.floats[y / 4 + i]!;
      return actual === expected ? 0 : Math.abs(actual - expected) / Math.abs(expected);
    });
    expect(Math.max(...errors)).toBeLessThan(5e-7);
  });
});
