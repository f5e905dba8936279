/**
 * Preparing for the shapes that a file fixes, before the first run asks for them.
 */
import { FormatError, UnsupportedError } from '../src/errors.ts';
import type { Port } from './decoded-graph.ts';
import type { Engine } from './engine.ts';
import { NeedsNumbers } from './plan/builder.ts';
import type { PlanInput } from './plan/make-plan.ts';
import type { PlanInputs } from './planner.ts';

/** The shapes of a model's inputs, as far as they are fixed. */
export interface FixedShapes {
  readonly inputs: PlanInputs;
  /** Whether a batch size is taken to be 1. */
  readonly isAssumed: boolean;
}

/** The shapes of `ports`; `undefined` where a size is open that is not that of a batch. */
export function fixedShapes(ports: readonly Port[]): FixedShapes | undefined {
  const inputs = new Map<string, PlanInput>();
  let isAssumed = false;
  for (const { name, dtype, shape } of ports) {
    const sizes = shape?.map((size, axis) => (typeof size === 'number' || axis > 0 ? size : 1));
    if (!sizes?.every((size) => typeof size === 'number')) return undefined;
    isAssumed ||= typeof shape![0] !== 'number' && shape!.length > 0;
    inputs.set(name, { dtype, shape: sizes });
  }
  return { inputs, isAssumed };
}

/**
 * Has the engine plan at once where shapes are fixed, so that weights are in place before the first run, and what cannot be run
 * is refused here.
 */
export async function prepareShapes(engine: Engine, fixed: FixedShapes | undefined): Promise<void> {
  if (!fixed) return;
  try {
    await engine.prepare(fixed.inputs);
  } catch (error) {
    // Shapes may depend on the elements of inputs, and a model may want more than a batch of one.
    const isOfFile = error instanceof UnsupportedError || error instanceof FormatError;
    if (!(error instanceof NeedsNumbers || (fixed.isAssumed && !isOfFile))) throw error;
  }
}
