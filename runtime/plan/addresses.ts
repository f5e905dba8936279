/**
 * Gives the buffers of a plan their addresses, and turns its steps into calls.
 */
import type { Machine } from '../machine.ts';
import type { Argument, Buffer, ConstantBuffer } from './buffer.ts';
import type { Plan } from './plan.ts';

/** Bytes that every buffer's address is a multiple of. */
export const ALIGNMENT = 16;

/** Rounds a byte count up to where the next buffer may begin. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** A plan whose buffers have addresses. */
export interface BoundPlan {
  readonly plan: Plan;
  /** Where a buffer is, in bytes. */
  readonly addressOf: (buffer: Buffer) => number;
  /** First byte behind everything that the plan uses. */
  readonly end: number;
  /** Writes the tables, which another plan may have written over. */
  readonly writeTables: () => void;
  /** Calls the kernels of all steps, in order. */
  readonly run: () => void;
}

/** The buffers of a kind that a plan's steps and outputs name, once each. */
export function buffersOf<Kind extends Buffer['kind']>(
  { steps, outputs }: Plan,
  kind: Kind,
): Set<Extract<Buffer, { kind: Kind }>> {
  const named: readonly Argument[] = [...steps.flatMap(({ args }) => args), ...outputs.map(({ buffer }) => buffer)];
  return new Set(
    named.filter(
      (argument): argument is Extract<Buffer, { kind: Kind }> => typeof argument === 'object' && argument.kind === kind,
    ),
  );
}

/**
 * Places the plan's tables and temporaries from byte `start` on; constants are where `constantAddress` says. The machine's
 * memory must reach to `end` before the first run.
 */
export function bind(
  plan: Plan,
  machine: Machine,
  start: number,
  constantAddress: (buffer: ConstantBuffer) => number,
): BoundPlan {
  const addresses = new Map<Buffer, number>();
  let end = aligned(start);
  const tables = buffersOf(plan, 'table');
  for (const table of tables) {
    addresses.set(table, end);
    end = aligned(end + 4 * Math.max(1, table.words));
  }
  for (const [buffer, offset] of plan.memory.offsets) addresses.set(buffer, end + 4 * offset);
  end += 4 * plan.memory.words;
  const addressOf = (buffer: Buffer) => (buffer.kind === 'constant' ? constantAddress(buffer) : addresses.get(buffer)!);

  const { kernels, memory } = machine;
  const calls = plan.steps.map(({ kernel, args }) => {
    const call = kernels[kernel] as (...args: number[]) => void;
    const numbers = args.map((argument) => (typeof argument === 'number' ? argument : addressOf(argument)));
    return () => call(...numbers);
  });
  return {
    plan,
    addressOf,
    end,
    writeTables() {
      for (const table of tables) memory.words.set(table.contents, addresses.get(table)! / 4);
    },
    run() {
      for (const call of calls) call();
    },
  };
}
