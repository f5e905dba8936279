/**
 * The engine over linear memory, in WebAssembly or in plain JavaScript: everything has an address in one memory, weights first.
 */
import type { OpenedFqz } from '../formats/fqz/read.ts';
import { UnsupportedError } from '../src/errors.ts';
import { elementCount } from '../src/graph/tensor.ts';
import { type ElementType, loadElements, storeElements } from './elements.ts';
import type { Engine, EngineOptions, EngineTensor, Feed } from './engine.ts';
import { prepareShapes } from './fixed-shapes.ts';
import type { Machine } from './machine.ts';
import type { OpenEngine } from './open-engine.ts';
import { aligned, type BoundPlan, bind, buffersOf } from './plan/addresses.ts';
import type { ConstantBuffer } from './plan/buffer.ts';
import type { Plan } from './plan/plan.ts';
import { createPlanner, elementsFed, type PlanInputs, type Planner, planByNeed, planCache } from './planner.ts';
import { SCRATCH_BYTES, type Workshop } from './sink.ts';
import { atOnce } from './turns.ts';
import { placeNetwork, placeWeight } from './weights.ts';

/** An engine that is done when its calls return. */
export interface LinearEngine extends Engine {
  prepare(inputs: PlanInputs): void;
  run(feeds: ReadonlyMap<string, Feed>): Map<string, EngineTensor>;
}

/** Opens the engine of a session on linear memory, prepared for what shapes are fixed. */
export const openLinearEngine: OpenEngine = async (opened, machine, fixed, settings) => {
  if (settings.backend === 'webgpu') throw new UnsupportedError('the backend "webgpu" is in fqz/runtime/webgpu');
  const engine = createEngine(opened, machine, settings);
  await prepareShapes(engine, fixed);
  return engine;
};

/** Opens a file on a machine. Throws as `createPlanner` does. */
export function createEngine(opened: OpenedFqz, machine: Machine, options: EngineOptions = {}): LinearEngine {
  return linearEngine(atOnce(createPlanner(opened, machine, options)), machine, options);
}

/** Runs what `planner` plans on the machine that it plans with. */
export function linearEngine(
  planner: Planner,
  machine: Machine,
  { onPlan, fallback }: Pick<EngineOptions, 'onPlan' | 'fallback'> = {},
): LinearEngine {
  const addresses = new Map<string, number>();
  let weightEnd = aligned(machine.base);
  let activations = 0;
  const plans = planCache<BoundPlan>();
  const byValue = new Set<string>();
  let current: BoundPlan | undefined;

  /** Gives a plan its place in memory, and puts the constants that no earlier plan had behind the others. */
  const bindPlan = (plan: Plan): BoundPlan => {
    const fresh = [...buffersOf(plan, 'constant')].filter(({ key }) => !addresses.has(key));
    const places = new Map<string, number>();
    let end = weightEnd;
    for (const { key, words } of fresh) {
      places.set(key, end);
      end = aligned(end + 4 * words);
    }
    const bound = bind(plan, machine, end, ({ key }) => (addresses.get(key) ?? places.get(key))!);
    const total = Math.max(bound.end, fresh.length > 0 ? end + SCRATCH_BYTES : 0);
    onPlan?.({ weights: end - machine.base, activations: bound.end - end, total });
    machine.reserve(total);
    if (fresh.length > 0) {
      // Other plans have their tables and temporaries where the new weights are.
      plans.clear();
      current = undefined;
      placeConstants({ ...machine, scratch: end }, fresh, places);
      for (const [key, address] of places) addresses.set(key, address);
      weightEnd = end;
    }
    activations = Math.max(activations, bound.end - end);
    return bound;
  };

  const placeConstants = (workshop: Workshop, constants: readonly ConstantBuffer[], places: Map<string, number>) => {
    for (const { key, source: made, layout } of constants) {
      if (typeof made !== 'string') placeNetwork(workshop, places.get(key)!, made, layout);
    }
    if (constants.every((constant) => typeof constant.source !== 'string')) return;
    for (const weight of planner.take()) {
      for (const { key, source: name, layout } of constants) {
        if (name === weight.name) placeWeight(workshop, places.get(key)!, weight, layout);
      }
    }
  };

  const planFor = (inputs: PlanInputs): BoundPlan => {
    const bound = plans.get(inputs, () => {
      // Planning writes where the tables of the last plan are.
      current = undefined;
      return bindPlan(planner.plan(inputs, weightEnd));
    });
    if (bound !== current) {
      bound.writeTables();
      current = bound;
    }
    return bound;
  };

  return {
    backend: machine.backend,
    ...(machine.variant && { variant: machine.variant }),
    ...(fallback && { fallback }),
    prepare(inputs) {
      planFor(inputs);
    },
    run(feeds) {
      const { plan, addressOf, run } = planByNeed(feeds, byValue, planFor);
      const { memory } = machine;
      for (const { name, dtype, buffer } of plan.inputs) {
        const elements = elementsFed(name, feeds.get(name)!, `the backend is "${machine.backend}"`);
        storeElements(dtype as ElementType, elements, memory, addressOf(buffer) / 4);
      }
      run();
      return new Map(
        plan.outputs.map(({ name, dtype, shape, buffer }) => {
          const type = dtype as ElementType;
          const data = loadElements(type, elementCount(shape), memory, addressOf(buffer) / 4);
          return [name, { dtype: type, shape, data }];
        }),
      );
    },
    get plan() {
      return current?.plan;
    },
    get memory() {
      const weights = weightEnd - machine.base;
      return { weights, activations, total: machine.memory.words.byteLength };
    },
    dispose() {},
  };
}
