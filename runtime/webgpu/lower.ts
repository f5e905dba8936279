/**
 * From a plan's steps to what the GPU and the host do in turn.
 */
import { UnsupportedError } from '../../src/errors.ts';
import type { Buffer } from '../plan/buffer.ts';
import type { Step } from '../plan/plan.ts';
import type { DeviceFacts, Dispatch, Lowering } from './dispatch.ts';
import type { Shaders } from './shaders.ts';

/** One thing after another: a dispatch, or a step that has no shader, which the host runs on copies of its buffers. */
export type Command = { readonly dispatch: Dispatch } | { readonly step: Step };

/** The commands of `steps`, for a device of which these are the facts. */
export function lowerSteps(
  steps: readonly Step[],
  device: DeviceFacts,
  { kernels, instructions }: Shaders,
): readonly Command[] {
  const facts = { ...device, instructions };
  return steps.flatMap((step): Command[] => {
    const lower = kernels[step.kernel] as Lowering<never> | undefined;
    try {
      const dispatches = lower?.(facts, ...(step.args as never));
      if (dispatches) return dispatches.map((dispatch) => ({ dispatch }));
    } catch (error) {
      // An instruction that is not in this build.
      if (!(error instanceof UnsupportedError)) throw error;
    }
    return [{ step }];
  });
}

/** The buffers that a command names. */
export function buffersNamed(command: Command): readonly Buffer[] {
  if ('dispatch' in command) return command.dispatch.bindings.map(({ buffer }) => buffer);
  return command.step.args.filter((argument) => typeof argument !== 'number');
}
