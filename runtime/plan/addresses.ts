/**
 * Gives the buffers of a plan their addresses, and turns its steps into calls.
 */
import type { Machine } from '../machine.ts';
import type { Buffer, ConstantBuffer, TableBuffer } from './buffer.ts';
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

/** The tables that a plan's steps name. */
function tablesOf(plan: Plan): Set<TableBuffer> {
  const tables = new Set<TableBuffer>();
  const add = (buffer: Buffer) => buffer.kind === 'table' && tables.add(buffer);
  for (const { args } of plan.steps) for (const argument of args) if (typeof argument !== 'number') add(argument);
  for (const { buffer } of plan.outputs) add(buffer);
  return tables;
}

/** The constants that a plan's steps and outputs name. */
export function constantsOf(plan: Plan): Set<ConstantBuffer> {
  const constants = new Set<ConstantBuffer>();
  const add = (buffer: Buffer) => buffer.kind === 'constant' && constants.add(buffer);
  for (const { args } of plan.steps) for (const argument of args) if (typeof argument !== 'number') add(argument);
  for (const { buffer } of plan.outputs) add(buffer);
  return constants;
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
  const tables = tablesOf(plan);
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
