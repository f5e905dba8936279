/**
 * Which arrays of a `.keras` archive are whose, following Keras' own `saving_lib`: a model's layers are in a group
 * `layers`, each named after its class with a number to tell those of one class apart, and the layers inside a layer are
 * named after the attribute that holds them.
 */
import { MAX_DEPTH } from './call-arguments.ts';
import { property } from './json.ts';
import type { KerasArray, KerasLayer, KerasTopology } from './keras-model.ts';
import type { WeightStore } from './weight-store.ts';

/** What the group of a model's layers is called: by Keras 3 and 2.14, and by those before. */
const CONTAINERS = ['layers', '_layer_checkpoint_dependencies', '_self_tracked_trackables'];

/** The model with the arrays of its layers out of `store`, whose root is the model. */
export function withArchiveWeights(topology: KerasTopology, store: WeightStore): KerasTopology {
  return atPath(topology, store, []);
}

function atPath(topology: KerasTopology, store: WeightStore, path: readonly string[]): KerasTopology {
  const container = CONTAINERS.map((name) => [...path, name]).find((inside) => store.children(inside).length > 0);
  if (!container) return topology;
  const groups = groupsOf(topology.layers, store, container);
  const layers = topology.layers.map((layer): KerasLayer => {
    const name = groups.get(layer);
    if (name === undefined) return layer;
    const inside = [...container, name];
    // A wrapper keeps the model that it applies in its attribute `layer`.
    const wrapped = [...inside, 'layer'];
    const root = store.children(wrapped).length > 0 ? wrapped : inside;
    if (layer.inner) return { ...layer, inner: atPath(layer.inner, store, root) };
    return { ...layer, weights: arraysWithin(store, inside, cellNames(layer), 0) };
  });
  return { ...topology, layers };
}

/** Classes that Keras publishes, and so writes into configurations, under other names than their own. */
const OWN_NAMES: Readonly<Record<string, string>> = { GroupQueryAttention: 'GroupedQueryAttention' };

/** The name of each layer's group. */
function groupsOf(
  layers: readonly KerasLayer[],
  store: WeightStore,
  container: readonly string[],
): ReadonlyMap<KerasLayer, string> {
  const found = new Map<KerasLayer, string>();
  const names = new Set(store.children(container));
  const byClass = new Map<string, KerasLayer[]>();
  for (const layer of layers) {
    const stem = snakeCase(OWN_NAMES[layer.className] ?? layer.className);
    const known = byClass.get(stem);
    if (known) known.push(layer);
    else byClass.set(stem, [layer]);
  }
  for (const [stem, alike] of byClass) {
    const groups = [...names].filter((name) => numberAfter(stem, name) !== undefined);
    groups.sort((a, b) => numberAfter(stem, a)! - numberAfter(stem, b)!);
    const noted = new Map(groups.map((group) => [store.layerName([...container, group]), group]));
    alike.forEach((layer, index) => {
      // The same order as the layers, except that not every version gives a group to what has no arrays.
      const counted = groups.length === alike.length ? groups[index] : index === 0 ? stem : `${stem}_${index}`;
      const group = noted.get(layer.name) ?? (noted.has(undefined) ? counted : undefined);
      if (group !== undefined && names.has(group)) found.set(layer, group);
    });
  }
  return found;
}

/** The number in a group's name, 0 for the bare `stem`; `undefined` for the name of another class. */
function numberAfter(stem: string, name: string): number | undefined {
  if (name === stem) return 0;
  const match = name.startsWith(`${stem}_`) ? /^\d{1,9}$/.exec(name.slice(stem.length + 1)) : null;
  return match ? Number(match[0]) : undefined;
}

/** A class name as Keras turns it into the name of a layer: `Conv2DTranspose` to `conv2d_transpose`. */
export function snakeCase(className: string): string {
  return className
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** Attributes that hold layers, in the order in which `layer.get_weights()` lists their arrays. */
const ATTRIBUTES = [
  'cell',
  'cells',
  'forward_layer',
  'backward_layer',
  'layer',
  'query_dense',
  'key_dense',
  'value_dense',
  'output_dense',
];

/** State of random number generators, which `get_weights()` leaves out. */
const RANDOM_STATE = /^_?seed_generators?$/;

/** The groups of the cells that a recurrent layer, or the one inside a wrapper, stacks: in order, named as layers are. */
function cellNames({ config }: KerasLayer): string[] {
  const wrapped = property(property(config.layer, 'config'), 'cell');
  const cells = property(property(config.cell ?? wrapped, 'config'), 'cells');
  const counts = new Map<string, number>();
  return (Array.isArray(cells) ? cells : []).map((cell) => {
    const stem = snakeCase(`${property(cell, 'class_name')}`);
    const count = counts.get(stem) ?? 0;
    counts.set(stem, count + 1);
    return count === 0 ? stem : `${stem}_${count}`;
  });
}

/** The arrays of a layer and of all layers inside it, of which `cells` come in this order. */
function arraysWithin(
  store: WeightStore,
  path: readonly string[],
  cells: readonly string[],
  depth: number,
): KerasArray[] {
  if (depth > MAX_DEPTH) return [];
  const known = [...ATTRIBUTES, ...cells];
  const rank = (name: string) => {
    const place = known.indexOf(name.replace(/^_/, ''));
    return place < 0 ? known.length : place;
  };
  const children = store.children(path).filter((name) => !RANDOM_STATE.test(name));
  children.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true }));
  return [...store.arrays(path), ...children.flatMap((name) => arraysWithin(store, [...path, name], cells, depth + 1))];
}
