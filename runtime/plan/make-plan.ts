/**
 * From a graph and the shapes of its inputs to a plan.
 */

import type { TensorNetwork } from '../../src/codec/network.ts';
import { UnsupportedError } from '../../src/errors.ts';
import type { DType } from '../../src/graph/dtype.ts';
import type { Node } from '../../src/graph/graph.ts';
import type { Machine } from '../machine.ts';
import { ACTIVATION_OPERATORS } from '../operators/activation.ts';
import { ELEMENTWISE_OPERATORS } from '../operators/elementwise.ts';
import type { Operators } from '../operators/operator.ts';
import { bind } from './addresses.ts';
import type { Buffer, TemporaryBuffer } from './buffer.ts';
import { Builder, NeedsNumbers } from './builder.ts';
import { planMemory } from './memory-plan.ts';
import type { Plan, PlanPort } from './plan.ts';
import { isIntegral, sizeOf, type Value } from './value.ts';

/** What the plan has to know of a graph. */
export interface PlanGraph {
  readonly opset: number;
  readonly nodes: readonly Node[];
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string }[];
  readonly weights: ReadonlyMap<string, PlanWeight>;
}

/** A stored weight, as far as planning needs it. */
export interface PlanWeight {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements of a small one. */
  readonly known?: readonly number[];
  /** How it is coded. */
  readonly network?: TensorNetwork;
}

/** An input of a run; `known` are its elements where shapes depend on them. */
export interface PlanInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly known?: readonly number[];
}

/** What planning works with. */
export interface Workplace {
  readonly operators: Operators;
  /** Evaluates what is known already. */
  readonly machine: Machine;
  /** First byte of the machine's memory that may be written over. */
  readonly start: number;
}

/** Values with more elements than this are computed in every run rather than kept as numbers of the plan. */
const LARGEST_KNOWN = 65536;

/**
 * Plans a run of `graph` on inputs of these types and shapes. Throws `NeedsNumbers` where a shape depends on elements that
 * `inputs` does not give, and `UnsupportedError` for what this runtime can't do.
 */
export function makePlan(graph: PlanGraph, inputs: ReadonlyMap<string, PlanInput>, workplace: Workplace): Plan {
  const readers = readersOf(graph);
  const isShared = (name: string) => endsOf(name, readers).length > 1;
  const { opset } = graph;
  const builder = new Builder(opset, workplace.operators, (node, values) => fold(opset, node, values, workplace));
  const values = new Map<string, Value>();
  for (const [name, { dtype, shape, known, network }] of graph.weights) {
    values.set(name, {
      dtype,
      shape,
      weight: name,
      shared: isShared(name),
      ...(known && { known }),
      ...(network && { network }),
    });
  }
  const ports: PlanPort[] = [];
  for (const { name } of graph.inputs) {
    const { dtype, shape, known } = inputs.get(name)!;
    const buffer = builder.temporary(sizeOf({ shape }));
    if (!known) ports.push({ name, dtype, shape, buffer });
    values.set(name, { dtype, shape, shared: isShared(name), ...(known ? { known } : { buffer }) });
  }
  for (const node of graph.nodes) {
    const given = node.inputs.map((name) => (name === '' ? undefined : values.get(name)));
    const most = Math.max(...node.outputs.map((name) => readers.get(name)?.length ?? 0));
    const lower = () => builder.lower(node, given, node.outputs.some(isShared), most);
    const results = describing(graph, values, node, lower);
    node.outputs.forEach((name, at) => {
      if (name === '') return;
      const result = results[at];
      if (!result) throw new UnsupportedError(`output ${at + 1} of operator ${node.op}`);
      values.set(name, result);
    });
  }
  const outputs = graph.outputs.map(({ name }): PlanPort => {
    const value = values.get(name)!;
    return { name, dtype: value.dtype, shape: value.shape, buffer: builder.buffer(value) };
  });
  return finish(builder, ports, outputs);
}

/** Does `lower`, and tells where the numbers come from that it lacks. */
function describing<T>(graph: PlanGraph, values: ReadonlyMap<string, Value>, node: Node, lower: () => T): T {
  try {
    return lower();
  } catch (error) {
    if (error instanceof NeedsNumbers && error.op === '') {
      const names = node.inputs.filter((name) => values.get(name) === error.value);
      error.op = node.op;
      error.inputs = sourcesOf(graph, names.length > 0 ? names : node.inputs);
    }
    throw error;
  }
}

/** The inputs of the graph that the named values are computed from. */
function sourcesOf({ nodes, inputs }: PlanGraph, names: readonly string[]): string[] {
  const needed = new Set(names);
  for (const node of [...nodes].reverse()) {
    if (node.outputs.some((name) => needed.has(name))) for (const name of node.inputs) needed.add(name);
  }
  return inputs.map(({ name }) => name).filter((name) => needed.has(name));
}

function finish(builder: Builder, inputs: readonly PlanPort[], outputs: readonly PlanPort[]): Plan {
  const temporaries = (ports: readonly PlanPort[]) =>
    ports.map(({ buffer }) => buffer).filter((buffer): buffer is TemporaryBuffer => buffer.kind === 'temporary');
  const { steps } = builder;
  return { inputs, outputs, steps, memory: planMemory(steps, temporaries(inputs), temporaries(outputs)) };
}

/** Operators that become part of whatever reads their result. */
const MELTING = { ...ELEMENTWISE_OPERATORS, ...ACTIVATION_OPERATORS };
const LONGEST_CHAIN = 16;

/** The nodes that read each value; `undefined` stands for the caller. */
type Readers = ReadonlyMap<string, readonly (Node | undefined)[]>;

function readersOf({ nodes, outputs }: PlanGraph): Readers {
  const readers = new Map<string, (Node | undefined)[]>();
  const add = (name: string, reader?: Node) => readers.set(name, [...(readers.get(name) ?? []), reader]);
  for (const node of nodes) for (const name of new Set(node.inputs)) add(name, node);
  for (const { name } of outputs) add(name);
  return readers;
}

/**
 * The readers of a value but for those whose result, element by element, ends up in another of them and nowhere else: of
 * x · sigmoid(x), the product is left.
 */
function endsOf(name: string, readers: Readers): readonly (Node | undefined)[] {
  const all = readers.get(name) ?? [];
  const endsInOther = (start: Node | undefined): boolean => {
    let node = start;
    for (let length = 0; length < LONGEST_CHAIN && node && node.op in MELTING; length++) {
      const [next, ...more]: readonly (Node | undefined)[] = readers.get(node.outputs[0]!) ?? [];
      if (more.length > 0) return false;
      if (next && next !== start && all.includes(next)) return true;
      node = next;
    }
    return false;
  };
  return all.length > 1 ? all.filter((reader) => !endsInOther(reader)) : all;
}

/** Runs a node on known inputs. */
function fold(
  opset: number,
  node: Node,
  inputs: readonly (Value | undefined)[],
  { operators, machine, start }: Workplace,
): readonly Value[] | undefined {
  const builder = new Builder(opset, operators, () => undefined);
  const known = inputs.map((input) => input && builder.constant(input.dtype, input.shape, input.known!));
  const results = builder.lower(node, known, false);
  if (results.some((result) => sizeOf(result) > LARGEST_KNOWN)) return undefined;
  if (results.every((result) => result.known)) return results;
  const outputs = results.map(({ dtype, shape, ...rest }): PlanPort => {
    const buffer = builder.buffer({ dtype, shape, ...rest });
    return { name: '', dtype, shape, buffer };
  });
  const bound = bind(finish(builder, [], outputs), machine, start, unreachable);
  machine.reserve(bound.end);
  bound.writeTables();
  bound.run();
  return outputs.map(({ dtype, shape, buffer }) => {
    const at = bound.addressOf(buffer) / 4;
    const words = isIntegral(dtype) ? machine.memory.words : machine.memory.floats;
    return { dtype, shape, known: Array.from(words.subarray(at, at + sizeOf({ shape }))), shared: true };
  });
}

function unreachable(buffer: Buffer): never {
  throw new Error(`a known value has the ${buffer.kind} buffer of a weight`);
}
