/**
 * A model as the compact graph coding says it (SPEC.md, "Graph"): what a writer hands to `codeGraph`.
 */
import type { Model, Node } from '../../src/graph/graph.ts';
import { changedAttributes } from './changed-attributes.ts';
import {
  ABSENT,
  EARLIER,
  FRESH_WEIGHT,
  type GraphSymbols,
  KNOWN_WEIGHT,
  LATEST,
  type NodeSymbols,
  OUTPUT,
  type Reference,
  SAME_WEIGHT,
  UNUSED,
  type WeightUse,
} from './graph-code.ts';

/**
 * The symbols of a model that `whyNotCompact` accepts, and its weights in the order of the file. With `keepNames`, the
 * names that only people need are among them.
 */
export function graphSymbols(
  model: Model,
  weightNames: readonly string[],
  keepNames: boolean,
): { symbols: GraphSymbols; weights: WeightUse[] } {
  const { inputs, outputs, nodes } = model.graph;
  const isWeight = new Set(weightNames);
  const values = inputs.map(({ name }) => name);
  const weights: WeightUse[] = [];
  const places = new Map<string, number>();
  const lastWeight = new Map<string, number>();

  const weightReference = (slot: string, name: string): Reference => {
    const last = lastWeight.get(slot);
    const place = places.get(name) ?? weights.length;
    lastWeight.set(slot, place);
    if (place === last) return { kind: SAME_WEIGHT };
    if (place < weights.length) return { kind: KNOWN_WEIGHT, distance: weights.length - 1 - place };
    places.set(name, place);
    weights.push({ name, slot });
    return { kind: FRESH_WEIGHT };
  };

  const reference = (slot: string, name: string): Reference => {
    if (name === '') return { kind: ABSENT };
    if (isWeight.has(name)) return weightReference(slot, name);
    const back = values.length - 1 - values.lastIndexOf(name);
    return back === 0 ? { kind: LATEST } : { kind: EARLIER, distance: back - 1 };
  };

  const attributes = changedAttributes(nodes);
  const coded = nodes.map(({ op, inputs, outputs }, at): NodeSymbols => {
    const references = inputs.map((name, input) => reference(`${op} ${input}`, name));
    for (const output of outputs.toReversed()) if (output !== '') values.push(output);
    return { op, inputs: references, omitted: outputs.map((name) => name === ''), attributes: attributes[at] };
  });
  const results = outputs.map(({ name }) => reference(OUTPUT, name));
  const unused = weightNames.filter((name) => !places.has(name));
  weights.push(...unused.map((name) => ({ name, slot: UNUSED })));
  const names = keepNames ? keptNames(model, weights) : undefined;
  const opset = model.opsets.get('') ?? 0;
  return { symbols: { opset, inputs, outputs, nodes: coded, results, unused: unused.length, names }, weights };
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
