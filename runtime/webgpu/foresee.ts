/**
 * Compiles the pipelines of a model while its weights are still on their way: the graph comes first in a file, and shaders hardly ever depend
 * on the numbers of weights. It is only a head start: what is compiled for nothing is never used, and what goes wrong shows when the
 * file is opened.
 */
import { foreseeFqz, type OpenedFqz } from '../../formats/fqz/read.ts';
import { openMachine } from '../backend.ts';
import { graphOf } from '../decoded-graph.ts';
import { fixedShapes } from '../fixed-shapes.ts';
import type { Edition, Settings } from '../load.ts';
import type { Foresee } from '../open-engine.ts';
import { createPlanner } from '../planner.ts';
import { breather, inTurns } from '../turns.ts';
import { gpuPlan } from './bound-plan.ts';
import { isLarge, isWelcome } from './choose-engine.ts';
import { openGpu } from './device.ts';
import type { Shaders } from './shaders.ts';

/** Foresight with these shaders. */
export const foreseeing =
  (shaders: Shaders): Foresee =>
  (edition, settings) =>
  (beginning) => {
    try {
      const opened = foreseeFqz(beginning);
      if (opened && /auto|webgpu/.test(settings.backend)) compile(opened, edition, settings, shaders).catch(() => {});
      return opened !== undefined;
    } catch {
      return true;
    }
  };

async function compile(
  opened: OpenedFqz,
  { machines, operators }: Edition,
  settings: Settings,
  shaders: Shaders,
): Promise<void> {
  const { backend, width, signal, device } = settings;
  const fixed = fixedShapes(graphOf(opened).inputs);
  if (!fixed) return;
  // A machine of its own: that of the session may be at work before this ends.
  const [gpu, { machine }] = await Promise.all([openGpu(device), openMachine(machines, 'auto', { signal })]);
  if (!isWelcome(gpu, settings)) return;
  const planner = await inTurns(createPlanner(opened, machine, { width, operators }), breather(signal));
  if (backend === 'auto' && !isLarge(planner, machine, fixed)) return;
  gpuPlan(planner.plan(fixed.inputs, machine.base), gpu, shaders);
}
