/**
 * Chooses the engine of a session: the GPU's where it is asked for, or where `auto` finds that it pays.
 */

import type { OpenedFqz } from '../formats/fqz/read.ts';
import { memoryOf } from '../formats/fqz/weight-header.ts';
import { FormatError, UnsupportedError } from '../src/errors.ts';
import type { Backend } from './backend.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { type FixedShapes, prepareShapes } from './fixed-shapes.ts';
import { linearEngine } from './linear-engine.ts';
import type { Machine } from './machine.ts';
import { multiplications } from './plan/work.ts';
import { createPlanner, type Planner } from './planner.ts';
import { breather, inTurns } from './turns.ts';
import type { Gpu } from './webgpu/device.ts';
import type { GpuEngineOptions } from './webgpu/engine.ts';

/** The GPU, as far as a build of the runtime has it. */
export interface GpuBackend {
  readonly openGpu: (device?: GPUDevice) => Promise<Gpu>;
  readonly gpuEngine: (planner: Planner, machine: Machine, gpu: Gpu, options: GpuEngineOptions) => Engine;
}

export interface EngineSettings extends EngineOptions {
  readonly backend: Backend;
  readonly device?: GPUDevice | undefined;
  readonly maxMemory: number;
  readonly signal?: AbortSignal | undefined;
}

/** Multiplications of a run below which a GPU's answer takes longer to fetch than WebAssembly takes to compute it. */
const LEAST_WORK = 5e7;
/** The same told by the bytes of the weights, where shapes are open. */
const LEAST_WEIGHTS = 2 ** 22;

/**
 * Opens the engine and has it prepare for `inputs`, where shapes are known. Rejects as `createPlanner` does, and where
 * `webgpu` is asked for with what keeps the model from it.
 */
export async function openEngine(
  opened: OpenedFqz,
  machine: Machine,
  gpuBackend: GpuBackend | undefined,
  fixed: FixedShapes | undefined,
  settings: EngineSettings,
): Promise<Engine> {
  const { backend, device, signal } = settings;
  const isWanted = backend === 'webgpu';
  if (isWanted && !gpuBackend) throw new UnsupportedError('the backend "webgpu" is in fqz/runtime/webgpu');
  const isPossible = gpuBackend && (isWanted || backend === 'auto');
  // An adapter is found while the weights are decoded.
  const opening = isPossible ? gpuBackend.openGpu(device) : undefined;
  opening?.catch(() => {});
  const breathe = breather(signal);
  const planner = await inTurns(createPlanner(opened, machine, settings), breathe);
  const linear = async (fallback = settings.fallback) => {
    const engine = linearEngine(planner, machine, { ...settings, fallback });
    await prepareShapes(engine, fixed);
    return engine;
  };
  if (!opening || (!isWanted && !isLarge(planner, machine, fixed))) return linear();
  try {
    const gpu = await opening;
    if (!isWanted && gpu.isSoftware && !device) return linear();
    const engine = gpuBackend!.gpuEngine(planner, machine, gpu, settings);
    try {
      await prepareShapes(engine, fixed);
    } catch (error) {
      engine.dispose();
      throw error;
    }
    return isWanted ? engine : withFallback(engine, gpu, linear);
  } catch (error) {
    signal?.throwIfAborted();
    if (isWanted || error instanceof FormatError) throw error;
    return linear((error as Error).message);
  }
}

function isLarge(planner: Planner, machine: Machine, fixed: FixedShapes | undefined): boolean {
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
function withFallback(first: Engine, gpu: Gpu, replace: (reason: string) => Promise<Engine>): Engine {
  let now = first;
  return {
    get backend() {
      return now.backend;
    },
    get variant() {
      return now.variant;
    },
    get fallback() {
      return now.fallback;
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
  } as Engine;
}
