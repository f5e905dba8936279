/**
 * From a file to plans: what a session knows of the graph and its weights, and the plans for the shapes that have come up,
 * whatever they run on.
 */
import type { NamedHeader, OpenedFqz } from '../formats/fqz/read.ts';
import { memoryOf } from '../formats/fqz/weight-header.ts';
import type { StoredWeight } from '../src/codec/archive.ts';
import { type Narrow, narrowing } from '../src/codec/narrowing.ts';
import type { TensorNetwork } from '../src/codec/network.ts';
import { UnsupportedError } from '../src/errors.ts';
import { defaultOpset } from '../src/graph/graph.ts';
import { elementCount, type NumericTensor } from '../src/graph/tensor.ts';
import { type Elements, elementsOf, isElementType, numbersOf } from './elements.ts';
import type { EngineOptions, Feed } from './engine.ts';
import type { Machine } from './machine.ts';
import { OPERATORS } from './operators/index.ts';
import type { Operators } from './operators/operator.ts';
import { NeedsNumbers } from './plan/builder.ts';
import { makePlan, type PlanGraph, type PlanInput, type PlanWeight } from './plan/make-plan.ts';
import type { Plan } from './plan/plan.ts';
import { isIntegral } from './plan/value.ts';
import { SCRATCH_BYTES } from './sink.ts';
import type { Work } from './turns.ts';
import { networkNumbers } from './weights.ts';

/** Inputs of a run, by name. */
export type PlanInputs = ReadonlyMap<string, PlanInput>;

/** Plans runs of one file. */
export interface Planner {
  /** The plan for inputs of these types and shapes; the machine's memory from byte `start` on may be written over. */
  plan(inputs: PlanInputs, start: number): Plan;
  /** One for each weight, in the order of the file. */
  readonly headers: readonly NamedHeader[];
  /** The weights in order. The first call's numbers are kept for the second where they are few. */
  take(): Iterable<StoredWeight>;
}

/**
 * Reads graph and weights, yielding after each weight; small ones are rebuilt on `machine`. Throws `UnsupportedError` for
 * operators and types that the runtime does not have, and for a width that the model can't have.
 */
export function* createPlanner(opened: OpenedFqz, machine: Machine, options: EngineOptions = {}): Work<Planner> {
  const { width = 1, operators = OPERATORS } = options;
  const source = weightSource(opened, width, machine);
  const graph = yield* planGraph(opened, source, machine, operators);
  return { ...source, plan: (inputs, start) => makePlan(graph, inputs, { operators, machine, start }) };
}

/** Inputs whose elements shapes depend on may have so many. */
const LARGEST_NUMBERS = 65536;

/**
 * Calls `plan` with a description of the inputs that are fed; where shapes turn out to depend on elements of inputs, `byValue` gets
 * their names, and those inputs are planned by value from then on.
 */
export function planByNeed<T>(
  feeds: ReadonlyMap<string, Feed>,
  byValue: Set<string>,
  plan: (inputs: PlanInputs) => T,
): T {
  for (;;) {
    const inputs = new Map(
      [...feeds].map(([name, feed]): [string, PlanInput] => {
        const { dtype, shape } = feed;
        if (!byValue.has(name)) return [name, { dtype, shape }];
        return [
          name,
          { dtype, shape, known: numbersOf(dtype, elementsFed(name, feed, 'shapes depend on its elements')) },
        ];
      }),
    );
    try {
      return plan(inputs);
    } catch (error) {
      if (!(error instanceof NeedsNumbers)) throw error;
      const more = error.inputs.filter((name) => {
        const { shape, known } = inputs.get(name)!;
        return !known && elementCount(shape) <= LARGEST_NUMBERS;
      });
      if (more.length === 0 || more.length < error.inputs.filter((name) => !byValue.has(name)).length) {
        throw new UnsupportedError(`${error.op}: a shape depends on numbers that the model computes`);
      }
      for (const name of more) byValue.add(name);
    }
  }
}

/** The elements of an input. Throws `TypeError` where they are on the GPU, and says why they must not be. */
export function elementsFed(name: string, feed: Feed, why: string): Elements {
  if ('data' in feed) return feed.data;
  throw new TypeError(`input "${name}" cannot be a GPU buffer: ${why}`);
}

/** Plans that are kept; the one that was used longest ago gives way. */
const MOST_PLANS = 8;

/** What has been made of inputs of certain shapes, and is kept for the next run with the same. */
export interface PlanCache<T> {
  /** What belongs to these inputs, which `make` makes where it is not there. */
  get(inputs: PlanInputs, make: () => T): T;
  clear(): void;
}

/** A cache of a few plans; those that give way are handed to `release`. */
export function planCache<T>(release: (plan: T) => void = () => {}): PlanCache<T> {
  const plans = new Map<string, T>();
  return {
    get(inputs, make) {
      const key = keyOf(inputs);
      const plan = plans.has(key) ? plans.get(key)! : make();
      plans.delete(key);
      plans.set(key, plan);
      if (plans.size > MOST_PLANS) {
        const [oldest, own] = plans.entries().next().value!;
        plans.delete(oldest);
        release(own);
      }
      return plan;
    },
    clear() {
      for (const plan of plans.values()) release(plan);
      plans.clear();
    },
  };
}

function keyOf(inputs: PlanInputs): string {
  return JSON.stringify([...inputs].map(([name, { shape, known }]) => [name, shape, known]));
}

/** Weights with fewer bytes than this are decoded once rather than held only one at a time. */
const LIGHT_BYTES = 2 ** 21;

type WeightSource = Pick<Planner, 'headers' | 'take'>;

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

function* planGraph(
  { graph }: OpenedFqz,
  source: WeightSource,
  machine: Machine,
  operators: Operators,
): Work<PlanGraph> {
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
  for (const weight of source.take()) {
    weights.set(weight.name, planWeight(weight, machine));
    yield;
  }
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
