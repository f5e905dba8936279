/**
 * A model as the symbols of the compact graph (SPEC.md, "Graph").
 */

import { DTYPES } from '../../src/graph/dtype.ts';
import type { Dim, Model, Node, Value } from '../../src/graph/graph.ts';
import { VOCABULARY } from '../../src/graph/vocabulary.ts';
import { attributeSymbols } from './attribute-symbols.ts';
import {
  ABSENT,
  EARLIER,
  FRESH_WEIGHT,
  KNOWN_WEIGHT,
  LATEST,
  OUTPUT,
  SAME_WEIGHT,
  SIZE,
  SYMBOL,
  UNKNOWN,
  UNUSED,
  type WeightUse,
} from './graph-code.ts';
import { recentSymbols, type Symbols, textSymbols } from './written-symbols.ts';

/**
 * The symbols of a model that `whyNotCompact` accepts, and its weights in the order of the file, which are all there when
 * the symbols have been taken. With `keepNames`, the names that only people need are among them.
 */
export function graphSymbols(
  model: Model,
  weightNames: readonly string[],
  keepNames: boolean,
): { symbols: Symbols; weights: WeightUse[] } {
  const { inputs, outputs, nodes } = model.graph;
  const isWeight = new Set(weightNames);
  const values = inputs.map(({ name }) => name);
  const weights: WeightUse[] = [];
  const places = new Map<string, number>();
  const lastWeight = new Map<string, number>();

  const weightReference = (slot: string, name: string): number[] => {
    const last = lastWeight.get(slot);
    const place = places.get(name) ?? weights.length;
    lastWeight.set(slot, place);
    if (place === last) return [SAME_WEIGHT];
    if (place < weights.length) return [KNOWN_WEIGHT, weights.length - 1 - place];
    places.set(name, place);
    weights.push({ name, slot });
    return [FRESH_WEIGHT];
  };

  const reference = (slot: string, name: string): number[] => {
    if (name === '') return [ABSENT];
    if (isWeight.has(name)) return weightReference(slot, name);
    const back = values.length - 1 - values.lastIndexOf(name);
    return back === 0 ? [LATEST] : [EARLIER, back - 1];
  };

  const operator = operatorSymbols();
  const attributes = attributeSymbols();

  function* symbols(): Symbols {
    yield model.opsets.get('') ?? 0;
    for (const ports of [inputs, outputs]) {
      yield ports.length;
      for (const port of ports) yield portSymbols(port);
    }
    yield nodes.length;
    for (const node of nodes) {
      yield operator(node.op);
      yield node.inputs.length;
      for (const [at, name] of node.inputs.entries()) yield reference(`${node.op} ${at}`, name);
      yield node.outputs.length - 1;
      for (const name of node.outputs) yield Number(name === '');
      values.push(...node.outputs.filter((name) => name !== '').reverse());
      yield attributes(node);
    }
    for (const { name } of outputs) yield reference(OUTPUT, name);
    const unused = weightNames.filter((name) => !places.has(name));
    weights.push(...unused.map((name) => ({ name, slot: UNUSED })));
    yield unused.length;
    yield Number(keepNames);
    if (keepNames) for (const name of keptNames(model, weights)) yield textSymbols(name);
  }
  return { symbols: symbols(), weights };
}

/** Makes the symbols of operators, one node after another. */
function operatorSymbols(): (op: string) => Symbols {
  const met: number[] = [];
  const successors = new Map<string, string>();
  let before = '';
  return function* (op) {
    const predicted = successors.get(before);
    if (predicted !== undefined) yield Number(predicted === op);
    if (predicted !== op) {
      const number = VOCABULARY.findIndex((known) => known.op === op);
      yield recentSymbols(met, number, [number]);
      successors.set(before, op);
    }
    before = op;
  };
}

function* portSymbols({ name, type }: Value): Symbols {
  if (type?.kind !== 'tensor') throw new TypeError(`"${name}" is not a tensor`);
  yield textSymbols(name);
  yield DTYPES[type.dtype].code;
  yield Number(type.shape !== undefined);
  if (!type.shape) return;
  yield type.shape.length;
  for (const dim of type.shape) yield dimensionSymbols(dim);
}

function* dimensionSymbols(dim: Dim): Symbols {
  if (typeof dim === 'string') {
    yield SYMBOL;
    yield textSymbols(dim);
  } else {
    // Some exporters write -1 where they mean that nothing is known.
    yield dim !== null && dim >= 0 ? [SIZE, dim] : [UNKNOWN];
  }
}

/** Of the model, its nodes, inner values and weights; and its metadata. */
function keptNames({ producerName, producerVersion, metadata, graph }: Model, weights: readonly WeightUse[]): string[] {
  const results = new Set(graph.outputs.map(({ name }) => name));
  const inner = [...graph.nodes.flatMap(({ outputs }: Node) => outputs), ...weights.map(({ name }) => name)];
  return [
    producerName,
    producerVersion,
    graph.name,
    JSON.stringify([...metadata]),
    ...graph.nodes.map(({ name }) => name),
    ...inner.filter((name) => name !== '' && !results.has(name)),
  ];
}
