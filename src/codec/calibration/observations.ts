/**
 * What is seen of a layer on the samples when it is to be coded: the moments of its inputs, or how often a table's rows are taken.
 */
import type { Model } from '../../graph/graph.ts';
import { inferShapes } from '../../graph/shape-inference.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { consumersOf, isStandard, outputNames } from '../../graph/uses.ts';
import { type Activations, advance, schedule } from './activations.ts';
import type { LayerUse } from './biases.ts';
import { countRows } from './code-table.ts';
import type { Execute } from './executor.ts';
import { hiddenStates } from './hidden-states.ts';
import type { Layer } from './layers.ts';
import { addMoments, type LayerInputs, layerMoments, type Moments } from './moments.ts';

export type Seen =
  | { readonly kind: 'moments'; readonly moments: Moments }
  | { readonly kind: 'rows'; readonly counts: Float64Array };

export interface Observer {
  /**
   * What one use of a layer sees now, and what it misses against the original activations; `undefined` where it sees nothing that varies
   * with the samples. Both are just before the use.
   */
  observe(layer: Layer, use: LayerUse, original: Activations, present: Activations): Promise<Seen | undefined>;
  /**
   * What all uses of each layer see together in the original model: later uses may depend on how the first is coded, and
   * then it is too late to look. Takes `start` through the model.
   */
  observeAll(layers: readonly Layer[], start: Activations): Promise<Map<Layer, Seen>>;
}

/** Looks at layers of `model`; `stored` holds the weights as they are now, coded or not. Rejects as `execute` and its graphs do. */
export function observer(
  model: Model,
  stored: ReadonlyMap<string, Tensor>,
  execute: Execute,
  signal?: AbortSignal,
): Observer {
  const originals = model.graph.initializers;
  const shortcutOf = shortcuts(model);

  const observe: Observer['observe'] = async (layer, use, original, present) => {
    const { node } = use;
    const name = node.inputs[layer.kind === 'table' ? 1 : node.op === 'MatMul' ? 1 - use.side : 0]!;
    if (!original.batches.every((values) => values.has(name))) return undefined;
    if (layer.kind === 'table') {
      const counts = new Float64Array(layer.columns);
      for (const values of present.batches) countRows(counts, values.get(name)!);
      return { kind: 'rows', counts };
    }
    const isChanged = present !== original;
    let inputs: LayerInputs[];
    if (layer.kind === 'recurrent states') {
      const statesOf = (values: Activations, weights: ReadonlyMap<string, Tensor>) =>
        hiddenStates(node, model, values.batches, weights, execute, signal);
      const now = await statesOf(present, isChanged ? stored : originals);
      const then = isChanged ? await statesOf(original, originals) : [];
      inputs = now.map((input, batch) => ({ input, ...(isChanged && { original: then[batch]! }) }));
    } else {
      const shortcut = isChanged ? shortcutOf(use) : undefined;
      inputs = original.batches.map((then, batch) => inputsOf(name, shortcut, then, present.batches[batch]!));
    }
    const moments = await layerMoments(layer, use, originals.get(layer.weight)!, inputs, execute, signal);
    return moments.count > 0 ? { kind: 'moments', moments } : undefined;
  };

  const observeAll: Observer['observeAll'] = async (layers, start) => {
    const plan = schedule(model, layers);
    const found = new Map<Layer, Seen[]>();
    const places = layers.flatMap((layer) => layer.uses.map((use) => ({ layer, use })));
    for (const { layer, use } of places.sort((a, b) => a.use.index - b.use.index)) {
      await advance(start, use.index, plan, originals, execute, signal);
      const seen = await observe(layer, use, start, start);
      if (seen) found.set(layer, [...(found.get(layer) ?? []), seen]);
    }
    return new Map([...found].map(([layer, each]) => [layer, together(each)]));
  };

  return { observe, observeAll };
}

function together(each: readonly Seen[]): Seen {
  const [first] = each as [Seen];
  if (first.kind === 'moments') {
    return { kind: 'moments', moments: addMoments(each.flatMap((seen) => ('moments' in seen ? [seen.moments] : []))) };
  }
  const counts = first.counts.map((_, row) =>
    each.reduce((sum, seen) => sum + ('counts' in seen ? seen.counts[row]! : 0), 0),
  );
  return { kind: 'rows', counts };
}

function inputsOf(
  name: string,
  shortcut: string | undefined,
  then: ReadonlyMap<string, Tensor>,
  now: ReadonlyMap<string, Tensor>,
): LayerInputs {
  const [input, original] = [now.get(name)!, then.get(name)!];
  const [shortcutThen, shortcutNow] = shortcut === undefined ? [] : [then.get(shortcut), now.get(shortcut)];
  return {
    input,
    // What no coded layer has touched is the same tensor in both.
    ...((input !== original || shortcutThen !== shortcutNow) && { original }),
    ...(shortcutThen &&
      shortcutNow &&
      shortcutThen !== shortcutNow && { shortcut: { original: shortcutThen, now: shortcutNow } }),
  };
}

/**
 * What is added to a layer's output and nothing else is done with it: the shortcut around a residual block, whose errors the
 * layer can make up for.
 */
function shortcuts(model: Model): (use: LayerUse) => string | undefined {
  const consumers = consumersOf(model.graph);
  const types = inferShapes(model);
  const outputs = outputNames(model.graph);
  const shapeOf = (name: string) => types.get(name)?.shape?.join();
  return ({ output }) => {
    if (output === undefined) return undefined;
    const [sum, ...others] = consumers.get(output) ?? [];
    if (!sum || others.length > 0 || !isStandard(sum, 'Add') || outputs.has(output)) return undefined;
    const other = sum.inputs.find((name) => name !== output);
    const shape = shapeOf(output);
    return other !== undefined && shape !== undefined && shapeOf(other) === shape ? other : undefined;
  };
}
