/**
 * A plan: what a session does in one run, for inputs of certain shapes. It is data: a backend gives its buffers addresses
 * and calls its kernels one after another.
 */
import type { DType } from '../../src/graph/dtype.ts';
import type { AllKernels } from '../kernels/all-kernels.ts';
import type { Argument, Buffer, TemporaryBuffer } from './buffer.ts';
import type { MemoryPlan } from './memory-plan.ts';

/** One kernel call. */
export interface Step {
  readonly kernel: keyof AllKernels;
  readonly args: readonly Argument[];
  /** The operator that asked for it. */
  readonly op: string;
  /** Where the result may take the place of an operand. */
  readonly inPlace?: { readonly result: TemporaryBuffer; readonly operands: readonly TemporaryBuffer[] };
}

/** An input or output of the plan, and where its elements are. */
export interface PlanPort {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: Buffer;
}

export interface Plan {
  readonly inputs: readonly PlanPort[];
  readonly outputs: readonly PlanPort[];
  readonly steps: readonly Step[];
  readonly memory: MemoryPlan;
}
