/**
 * The engine of a session: it keeps a machine, the weights in it, and the plans for the shapes that have come up.
 */
import type { NamedHeader, OpenedFqz } from '../formats/fqz/read.ts';
import { memoryOf } from '../formats/fqz/weight-header.ts';
import type { StoredWeight } from '../src/codec/archive.ts';
import type { TensorNetwork } from '../src/codec/network.ts';
import { UnsupportedError } from '../src/errors.ts';
import { defaultOpset } from '../src/graph/graph.ts';
import { elementCount, type NumericTensor } from '../src/graph/tensor.ts';
import {
  type Elements,
  type ElementType,
  elementsOf,
  isElementType,
  loadElements,
  numbersOf,
  storeElements,
} from './elements.ts';
import type { Machine } from './machine.ts';
import { OPERATORS } from './operators/index.ts';
import type { Operators } from './operators/operator.ts';
import { aligned, type BoundPlan, bind, buffersOf } from './plan/addresses.ts';
import type { ConstantBuffer } from './plan/buffer.ts';
import { NeedsNumbers } from './plan/builder.ts';
import { makePlan, type PlanGraph, type PlanInput, type PlanWeight, type Workplace } from './plan/make-plan.ts';
import type { Plan } from './plan/plan.ts';
import { isIntegral } from './plan/value.ts';
import { SCRATCH_BYTES, type Workshop } from './sink.ts';
import { networkNumbers, placeNetwork, placeWeight } from './weights.ts';
import { type Narrow, narrowing } from './width.ts';

/** A tensor as the engine takes and gives it. */
export interface EngineTensor {
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly data: Elements;
}

/** Bytes of a machine's memory. */
export interface MemoryUse {
  /** Weights in the layout of the kernels. */
  readonly weights: number;
  /** The largest that inputs, outputs and everything between have needed at once, with the plan's tables. */
  readonly activations: number;
  /** The whole memory, as far as it has been reserved. */
  readonly total: number;
}

export interface Engine {
  readonly machine: Machine;
  /** Plans for inputs of these types and shapes, so that the first run finds everything in place. */
  prepare(inputs: ReadonlyMap<string, PlanInput>): void;
  /** Runs the model; every input of the graph is given, with the type that the graph declares. */
  run(feeds: ReadonlyMap<string, EngineTensor>): Map<string, EngineTensor>;
  /** The plan that ran or was prepared last. */
  readonly plan: Plan | undefined;
  readonly memory: MemoryUse;
}

/** Plans that are kept; the one that was used longest ago gives way. */
const MOST_PLANS = 8;
/** Inputs whose elements shapes depend on may have so many. */
const LARGEST_NUMBERS = 65536;

/** What the engine is to do otherwise than by default. */
export interface EngineOptions {
  /** Fraction of the model's own width, above 0 and at most 1. */
  readonly width?: number;
  /** The operators that it knows. */
  readonly operators?: Operators;
  /** Told what a new plan takes, before the memory is taken and weights are placed. */
  readonly onPlan?: (memory: MemoryUse) => void;
}

/**
 * Opens a file on a machine. Throws `UnsupportedError` for operators and types that the runtime does not have, and for a width
 * that the model can't have.
 */
export function createEngine(opened: OpenedFqz, machine: Machine, options: EngineOptions = {}): Engine {
  const { width = 1, operators = OPERATORS, onPlan } = options;
  const source = weightSource(opened, width, machine);
  const graph = planGraph(opened, source, { machine, operators });
  const addresses = new Map<string, number>();
  let weightEnd = aligned(machine.base);
  let activations = 0;
  const plans = new Map<string, BoundPlan>();
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
    for (const weight of source.take()) {
      for (const { key, source: name, layout } of constants) {
        if (name === weight.name) placeWeight(workshop, places.get(key)!, weight, layout);
      }
    }
  };

  const planFor = (inputs: ReadonlyMap<string, PlanInput>): BoundPlan => {
    const key = keyOf(inputs);
    let bound = plans.get(key);
    plans.delete(key);
    if (!bound) {
      // Planning writes where the tables of the last plan are.
      current = undefined;
      bound = bindPlan(makePlan(graph, inputs, { operators, machine, start: weightEnd }));
    }
    plans.set(key, bound);
    if (plans.size > MOST_PLANS) plans.delete(plans.keys().next().value!);
    if (bound !== current) {
      bound.writeTables();
      current = bound;
    }
    return bound;
  };

  /** Plans; where shapes turn out to depend on elements of inputs, those inputs are planned by value from then on. */
  const planByNeed = (describe: () => ReadonlyMap<string, PlanInput>): BoundPlan => {
    for (;;) {
      try {
        return planFor(describe());
      } catch (error) {
        if (!(error instanceof NeedsNumbers)) throw error;
        const given = describe();
        const more = error.inputs.filter((name) => {
          const { shape, known } = given.get(name)!;
          return !known && elementCount(shape) <= LARGEST_NUMBERS;
        });
        if (more.length === 0 || more.length < error.inputs.filter((name) => !byValue.has(name)).length) {
          throw new UnsupportedError(`${error.op}: a shape depends on numbers that the model computes`);
        }
        for (const name of more) byValue.add(name);
      }
    }
  };

  return {
    machine,
    prepare(inputs) {
      planFor(inputs);
    },
    run(feeds) {
      const describe = () =>
        new Map(
          [...feeds].map(([name, { dtype, shape, data }]): [string, PlanInput] => [
            name,
            { dtype, shape, ...(byValue.has(name) && { known: numbersOf(dtype, data) }) },
          ]),
        );
      const { plan, addressOf, run } = planByNeed(describe);
      const { memory } = machine;
      for (const { name, dtype, buffer } of plan.inputs) {
        storeElements(dtype as ElementType, feeds.get(name)!.data, memory, addressOf(buffer) / 4);
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
  };
}

function keyOf(inputs: ReadonlyMap<string, PlanInput>): string {
  return JSON.stringify([...inputs].map(([name, { shape, known }]) => [name, shape, known]));
}

/** The weights of a file, decoded as often as needed. */
interface WeightSource {
  /** One for each weight, in the order of the file. */
  readonly headers: readonly NamedHeader[];
  /** The weights in order. The first call's numbers are kept for the second where they are few. */
  take(): Iterable<StoredWeight>;
}

/** Weights with fewer bytes than this are decoded once rather than held only one at a time. */
const LIGHT_BYTES = 2 ** 21;

function weightSource(opened: OpenedFqz, width: number, { runs }: Machine): WeightSource {
  const { headers, graph } = opened;
  const names = new Set(headers.map(({ name }) => name));
  const narrowed =
    graph.kind === 'compact'
      ? narrowing(graph.model.graph, (name) => names.has(name), width)
      : new Map<string, Narrow>();
  const isLight = headers.reduce((sum, header) => sum + memoryOf(header), 0) <= LIGHT_BYTES;
  let kept: StoredWeight[] | undefined;
  function* decode(): Generator<StoredWeight> {
    for (const weight of opened.weights(runs)) yield narrowed.get(weight.name)?.(weight) ?? weight;
  }
  return {
    headers,
    take() {
      if (!isLight) return decode();
      const weights = kept ?? [...decode()];
      kept = kept ? undefined : weights;
      return weights;
    },
  };
}

function planGraph(
  { graph }: OpenedFqz,
  source: WeightSource,
  { machine, operators }: Omit<Workplace, 'start'>,
): PlanGraph {
  if (graph.kind === 'onnx') throw new UnsupportedError('the file stores its graph as ONNX: fqz/ort runs it');
  const { model } = graph;
  const { nodes, inputs, outputs } = model.graph;
  for (const node of nodes) {
    if (node.domain !== '' || !Object.hasOwn(operators, node.op)) {
      throw new UnsupportedError(
        `operator ${node.op} is not in this build of the runtime: fqz/runtime/full may have it, or fqz/ort`,
      );
    }
  }
  const weights = new Map<string, PlanWeight>();
  for (const weight of source.take()) weights.set(weight.name, planWeight(weight, machine));
  return { opset: defaultOpset(model), nodes, inputs, outputs, weights };
}

/** Weights with no more elements than this are known to the plan, as are vectors up to the second size, and all integers. */
const SMALL_WEIGHT = 256;
const SMALL_VECTOR = 4096;

function planWeight(weight: StoredWeight, machine: Machine): PlanWeight {
  const { dtype, shape } = 'tensor' in weight ? weight.tensor : weight;
  if (!isElementType(dtype)) throw new UnsupportedError(`a weight of type ${dtype}: fqz/ort runs the file`);
  const elements = elementCount(shape);
  const most = isIntegral(dtype) ? LARGEST_NUMBERS : shape.length < 2 ? SMALL_VECTOR : SMALL_WEIGHT;
  const isSmall = elements <= most;
  if ('tensor' in weight) {
    return { dtype, shape, ...(isSmall && { known: numbersOf(dtype, elementsOf(weight.tensor as NumericTensor)) }) };
  }
  const { network } = weight;
  // A network with about as many numbers as elements would only keep them in memory twice.
  const coded = network.operands.reduce(
    (sum, operand) => sum + (operand.kind === 'cosine' ? 0 : elementCount(operand.shape)),
    0,
  );
  return {
    dtype,
    shape,
    ...(2 * coded <= elements && { network }),
    ...(isSmall && { known: smallNumbers(network, elements, machine) }),
  };
}

function smallNumbers(network: TensorNetwork, elements: number, machine: Machine): number[] {
  machine.reserve(machine.base + SCRATCH_BYTES + 4 * elements);
  return networkNumbers({ ...machine, scratch: machine.base }, network);
}
