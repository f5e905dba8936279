/** Long chains of element-wise operators, which no single program can do. */
import { expect, it } from 'vitest';
import { referenceMachine } from '../../runtime/js/machine.ts';
import { OPERATORS } from '../../runtime/operators/index.ts';
import { makePlan } from '../../runtime/plan/make-plan.ts';
import { node } from '../../src/graph/graph.ts';

const LENGTH = 100;

it.each([
  ['with a constant each', 'Add', 3],
  ['without constants', 'Tanh', 3],
] as const)('a hundred operators %s become few programs', (_, op, most) => {
  const nodes = Array.from({ length: LENGTH }, (_, at) => {
    const x = at === 0 ? 'x' : `v${at - 1}`;
    return node(op, op === 'Add' ? [x, `c${at}`] : [x], [`v${at}`]);
  });
  const constants = nodes.map((_, at) => [`c${at}`, { dtype: 'float32', shape: [], known: [1 + at / 64] }] as const);
  const machine = referenceMachine();
  const plan = makePlan(
    {
      opset: 21,
      nodes,
      inputs: [{ name: 'x' }],
      outputs: [{ name: `v${LENGTH - 1}` }],
      weights: new Map(constants),
    },
    new Map([['x', { dtype: 'float32', shape: [2, 3] }]]),
    { operators: OPERATORS, machine, start: machine.base },
  );
  expect(plan.steps.every(({ kernel }) => kernel === 'elementwise')).toBe(true);
  expect(plan.steps.length).toBeGreaterThan(1);
  expect(plan.steps.length).toBeLessThanOrEqual(op === 'Add' ? 2 * most : most);
});
