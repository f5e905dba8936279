/**
 * Chooses the engine of a session: the GPU's where it is asked for, or where `auto` finds that it pays.
 */
import { memoryOf } from '../../formats/fqz/weight-header.ts';
import { FormatError } from '../../src/errors.ts';
import type { Backend } from '../backend.ts';
import type { Engine } from '../engine.ts';
import { type FixedShapes, prepareShapes } from '../fixed-shapes.ts';
import { linearEngine } from '../linear-engine.ts';
import type { Machine } from '../machine.ts';
import type { OpenEngine } from '../open-engine.ts';
import { multiplications } from '../plan/work.ts';
import { createPlanner, type Planner } from '../planner.ts';
import { breather, inTurns } from '../turns.ts';
import { type Gpu, openGpu } from './device.ts';
import { gpuEngine } from './engine.ts';
import type { Shaders } from './shaders.ts';

/** Multiplications of a run below which a GPU's answer takes longer to fetch than WebAssembly takes to compute it. */
const LEAST_WORK = 5e7;
/** The same told by the bytes of the weights, where shapes are open. */
const LEAST_WEIGHTS = 2 ** 22;

/** Opens an engine on the GPU, with these shaders, or on linear memory: see `Backend`. */
export const engineChooser =
  (shaders: Shaders): OpenEngine =>
  async (opened, machine, fixed, settings) => {
    const { backend, device, signal } = settings;
    const isWanted = backend === 'webgpu';
    // An adapter is found while the weights are decoded.
    const opening = isWanted || backend === 'auto' ? openGpu(device) : undefined;
    opening?.catch(() => {});
    const planner = await inTurns(createPlanner(opened, machine, settings), breather(signal));
    const linear = async (fallback = settings.fallback) => {
      const engine = linearEngine(planner, machine, { ...settings, fallback });
      await prepareShapes(engine, fixed);
      return engine;
    };
    if (!opening || (!isWanted && !isLarge(planner, machine, fixed))) return linear();
    try {
      const gpu = await opening;
      if (!isWelcome(gpu, settings)) return await linear();
      const engine = gpuEngine(planner, machine, gpu, { ...settings, shaders });
      try {
        await prepareShapes(engine, fixed);
      } catch (error) {
        engine.dispose();
        throw error;
      }
      return isWanted ? engine : untilLost(engine, gpu, linear);
    } catch (error) {
      signal?.throwIfAborted();
      if (isWanted || error instanceof FormatError) throw error;
      return linear((error as Error).message);
    }
  };

/** Whether a session takes this GPU: of itself none that is a program on the CPU. */
export function isWelcome(
  { isSoftware }: Gpu,
  { backend, device }: { backend: Backend; device?: GPUDevice | undefined },
): boolean {
  return backend === 'webgpu' || !isSoftware || device !== undefined;
}

/** Whether a model has enough to do for a GPU, by its multiplications, or by its weights where shapes are open. */
export function isLarge(planner: Planner, machine: Machine, fixed: FixedShapes | undefined): boolean {
  if (fixed) {
    try {
      return multiplications(planner.plan(fixed.inputs, machine.base)) >= LEAST_WORK;
    } catch {
      // Whatever is wrong shows where the engine prepares.
    }
  }
  return planner.headers.reduce((sum, header) => sum + memoryOf(header), 0) >= LEAST_WEIGHTS;
}

/** The engine until its device is lost: the run that finds it so is rejected, and those behind it have another engine. */
function untilLost(first: Engine, gpu: Gpu, replace: (reason: string) => Promise<Engine>): Engine {
  let now = first;
  return {
    get backend() {
      return now.backend;
    },
    get variant() {
      return now.variant!;
    },
    get fallback() {
      return now.fallback!;
    },
    get plan() {
      return now.plan;
    },
    get memory() {
      return now.memory;
    },
    prepare: (inputs) => now.prepare(inputs),
    async run(feeds, onGpu) {
      if (gpu.lost && now === first) {
        now = await replace(gpu.lost.message);
        first.dispose();
      }
      return now.run(feeds, onGpu);
    },
    dispose() {
      now.dispose();
    },
  };
}
