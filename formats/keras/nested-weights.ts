/**
 * The arrays of a model within a model, which HDF5 files keep in one flat list: first those that training changes, of
 * all its layers, then the others. Only their names tell which layer each is of.
 */
import { FormatError } from '../../src/errors.ts';
import type { KerasArray, KerasLayer, KerasTopology } from './keras-model.ts';

/** An array with the name that Keras gave it, such as `block/conv/kernel:0`. */
export interface NamedArray {
  readonly name: string;
  readonly array: KerasArray;
}

/**
 * The model with each array given to the layer that its name names. The arrays of one layer keep their order, which is
 * that of `layer.get_weights()`. Throws `FormatError` for a name that names no layer.
 */
export function distribute(topology: KerasTopology, arrays: readonly NamedArray[]): KerasTopology {
  const owned = new Map<KerasLayer, KerasArray[]>();
  const candidates = leaves(topology, []);
  for (const { name, array } of arrays) {
    const owner = ownerOf(name, candidates);
    if (!owner) throw new FormatError('Keras', `no layer of the model "${topology.name}" fits the array ${name}`);
    const known = owned.get(owner);
    if (known) known.push(array);
    else owned.set(owner, [array]);
  }
  const give = (inside: KerasTopology): KerasTopology => ({
    ...inside,
    layers: inside.layers.map((layer) =>
      layer.inner ? { ...layer, inner: give(layer.inner) } : { ...layer, weights: owned.get(layer) ?? [] },
    ),
  });
  return give(topology);
}

interface Candidate {
  readonly layer: KerasLayer;
  /** Names of the models around it, below the one whose arrays these are. */
  readonly models: readonly string[];
}

function leaves({ layers }: KerasTopology, models: readonly string[]): Candidate[] {
  return layers.flatMap((layer) => (layer.inner ? leaves(layer.inner, [...models, layer.name]) : [{ layer, models }]));
}

/** The layer whose name is in `name`; of several, the one with most of its models in it too. */
function ownerOf(name: string, candidates: readonly Candidate[]): KerasLayer | undefined {
  const segments = name.split('/').slice(0, -1);
  const fitting = (test: (segment: string, layer: string) => boolean) =>
    candidates.filter(({ layer }) => segments.some((segment) => test(segment, layer.name)));
  const rank = ({ models }: Candidate) =>
    models.filter((model) => segments.includes(model)).length -
    models.filter((model) => !segments.includes(model)).length;
  const best = (found: readonly Candidate[]) =>
    found.reduce<Candidate | undefined>(
      (first, other) => (first && rank(first) >= rank(other) ? first : other),
      undefined,
    );
  // A graph that has the name already makes `dense_1_1` of `dense_1`; Keras 1 writes `dense_1_W`.
  const exact = fitting((segment, layer) => segment === layer);
  if (exact.length > 0) return best(exact)!.layer;
  const numbered = fitting(
    (segment, layer) => segment.startsWith(`${layer}_`) && /^\d+$/.test(segment.slice(layer.length + 1)),
  );
  if (numbered.length > 0) return best(numbered)!.layer;
  const early = candidates.filter(({ layer }) => name.startsWith(`${layer.name}_`));
  return early.reduce<KerasLayer | undefined>(
    (longest, { layer }) => (longest && longest.name.length >= layer.name.length ? longest : layer),
    undefined,
  );
}
