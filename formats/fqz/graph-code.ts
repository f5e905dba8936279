/**
 * The compact graph coding (SPEC.md, "Graph"): operators by number, predicted from the operator before; inputs as
 * back-references; attributes by difference; names only where somebody outside needs them.
 */
import { FormatError } from '../../src/errors.ts';
import { type Dim, emptyGraph, type Model, modelOf, type Value } from '../../src/graph/graph.ts';
import { type Operator, TARGET_OPSET, VOCABULARY } from '../../src/graph/vocabulary.ts';
import { type AttributeSymbols, attributesCode } from './attribute-code.ts';
import type { BitCoder } from './bit-coder.ts';
import { damaged, LIMITS } from './format.ts';
import {
  type Code,
  countCode,
  dtypeCode,
  flagCode,
  perKey,
  quote,
  recentCode,
  textCode,
  times,
  treeCode,
  uintCode,
} from './symbols.ts';

/** A coded graph, and its weights in the order in which the file holds them. */
export interface CodedGraph {
  /** It has no initialisers: `weights` say which it wants. */
  readonly model: Model;
  readonly weights: readonly WeightUse[];
}

/** A weight's name, and where it is used first: `Conv 1` is input 1 of a Conv. */
export interface WeightUse {
  readonly name: string;
  readonly slot: string;
}

/** How a node's input is named. */
export const LATEST = 0;
export const FRESH_WEIGHT = 1;
export const EARLIER = 2;
export const KNOWN_WEIGHT = 3;
export const SAME_WEIGHT = 4;
export const ABSENT = 5;

/** A node's input; `distance` goes with `EARLIER` and `KNOWN_WEIGHT`. */
export interface Reference {
  readonly kind: number;
  readonly distance?: number;
}

export interface NodeSymbols {
  readonly op: string;
  readonly inputs: readonly Reference[];
  /** For each output, whether it is left out. */
  readonly omitted: readonly boolean[];
  /** None where they are as at the last node of this operator. */
  readonly attributes: AttributeSymbols | undefined;
}

/** What a file says of a graph. */
export interface GraphSymbols {
  readonly opset: number;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly NodeSymbols[];
  /** What each graph output is. */
  readonly results: readonly Reference[];
  /** How many weights nothing uses. */
  readonly unused: number;
  /** Texts that only people need, in the order of the file. */
  readonly names: readonly string[] | undefined;
}

/** Newer opsets may come, but a number above this is no opset. */
const LARGEST_OPSET = 255;

/** Slots of what graph outputs refer to, and of weights that nothing uses. */
export const OUTPUT = 'output';
export const UNUSED = 'unused';

/** A value or weight, whose name may still change. */
interface Named {
  name: string;
}

const NOTHING: Named = { name: '' };

/** Codes a graph. Where the file has no names, they are invented. */
export function codeGraph(coder: BitCoder, given?: GraphSymbols): CodedGraph {
  const text = textCode(coder);
  const port = portCode(coder, text);
  const operator = operatorCode(coder);
  const attributes = attributesCode(coder);
  const counts = perKey((what: string) => countCode(coder, what, LIMITS.ports));
  const kinds = perKey(() => treeCode(coder, 3));
  const distances = perKey(() => uintCode(coder));
  const omitted = perKey(() => flagCode(coder));

  const opset = uintCode(coder)(given?.opset);
  if (opset < TARGET_OPSET || opset > LARGEST_OPSET) throw damaged(`opset ${opset} cannot be`);

  const graph = emptyGraph();
  graph.inputs = times(counts('graph inputs')(given?.inputs.length), (at) => port(given?.inputs[at]));
  graph.outputs = times(counts('graph outputs')(given?.outputs.length), (at) => port(given?.outputs[at]));
  const invent = inventor([...graph.inputs, ...graph.outputs]);

  /** All values that a node can refer to, in order; and the weights, in order of first use. */
  const inputs = graph.inputs.map(({ name }): Named => ({ name }));
  const values = [...inputs];
  const weights: (Named & { slot: string })[] = [];
  const lastWeight = new Map<string, number>();

  const addWeight = (slot: string) => {
    const [op, input] = slot.split(' ');
    weights.push({ name: invent(op!, input && `.${input}`), slot });
  };

  const reference = (slot: string, given?: Reference): Named => {
    const kind = kinds(slot)(given?.kind);
    if (kind === ABSENT) return NOTHING;
    let found: Named | undefined;
    if (kind === LATEST) found = values.at(-1);
    else if (kind === EARLIER) found = values[values.length - 2 - distances(slot)(given?.distance)];
    else if (kind < ABSENT) {
      if (kind === FRESH_WEIGHT) addWeight(slot);
      let index = weights.length - 1;
      if (kind === KNOWN_WEIGHT) index -= distances(`${slot} weight`)(given?.distance);
      if (kind === SAME_WEIGHT) index = lastWeight.get(slot) ?? -1;
      lastWeight.set(slot, index);
      found = weights[index];
    }
    if (!found) throw damaged('a node refers to what is not there');
    if (weights.length > LIMITS.weights) throw damaged('too many weights');
    return found;
  };

  const nodes = times(countCode(coder, 'nodes', LIMITS.nodes)(given?.nodes.length), (at) => {
    const source = given?.nodes[at];
    const spec = operator(source?.op);
    const { op } = spec;
    const inputs = times(counts(`inputs of ${op}`)(source?.inputs.length), (input) =>
      reference(`${op} ${input}`, source?.inputs[input]),
    );
    const outputs = times(counts(`outputs of ${op}`)(source && source.omitted.length - 1) + 1, (output) =>
      omitted(`${op} ${output}`)(source?.omitted[output]) ? NOTHING : { name: invent('value') },
    );
    // The first output comes last, so that it is the latest value for the next node.
    values.push(...outputs.filter((output) => output !== NOTHING).reverse());
    return { op, inputs, outputs, attributes: attributes(spec, source?.attributes) };
  });

  const results = new Set<Named>();
  graph.outputs.forEach(({ name }, at) => {
    const found = reference(OUTPUT, given?.results[at]);
    const isTaken = found === NOTHING || results.has(found) || (inputs.includes(found) && found.name !== name);
    if (isTaken) throw damaged(`output ${quote(name)} is not computed`);
    found.name = name;
    results.add(found);
  });

  times(countCode(coder, 'unused weights', LIMITS.weights)(given?.unused), () => addWeight(UNUSED));

  const model = modelOf(graph, opset, opset < 23 ? 10 : 11);
  const inner = [...nodes.flatMap(({ outputs }) => outputs), ...weights].filter((value) => value !== NOTHING);
  const areKept = flagCode(coder)(given?.names !== undefined);
  let coded = 0;
  const next = () => text(given?.names?.[coded++]);
  if (areKept) {
    model.producerName = next();
    model.producerVersion = next();
    graph.name = next();
    model.metadata = parseMetadata(next());
  }
  const nodeNames = nodes.map(() => (areKept ? next() : ''));
  if (areKept) for (const value of inner) if (!results.has(value)) value.name = next();

  const defined = [...inputs, ...inner].map(({ name }) => name);
  if (new Set(defined).size !== defined.length) throw damaged('two values share a name');
  const names = (all: readonly Named[]) => all.map(({ name }) => name);
  graph.nodes = nodes.map(({ op, inputs, outputs, attributes }, at) => ({
    op,
    domain: '',
    name: nodeNames[at]!,
    inputs: names(inputs),
    outputs: names(outputs),
    attributes,
  }));
  return { model, weights };
}

/** Metadata as JSON: an array of pairs. */
function parseMetadata(json: string): Map<string, string> {
  try {
    return new Map((JSON.parse(json) as [string, string][]).map(([key, value]) => [String(key), String(value)]));
  } catch {
    throw damaged('the metadata are no JSON');
  }
}

/** Makes up names: the first of `stem`0`tail`, `stem`1`tail`, … that has not been and is no name of `taken`. */
function inventor(taken: readonly Named[]): (stem: string, tail?: string) => string {
  const names = new Set(taken.map(({ name }) => name));
  const ordinals = new Map<string, number>();
  return (stem, tail = '') => {
    for (;;) {
      const ordinal = ordinals.get(stem + tail) ?? 0;
      ordinals.set(stem + tail, ordinal + 1);
      const name = `${stem}${ordinal}${tail}`;
      if (!names.has(name)) return name;
    }
  };
}

/** Operators: the one that last followed the operator before, or one met lately, or one from the vocabulary. */
function operatorCode(coder: BitCoder): (op?: string) => Operator {
  const predicted = perKey(() => flagCode(coder));
  const recent = recentCode(coder, treeCode(coder, 8));
  const successors = new Map<string, Operator>();
  let before = '';
  return (op) => {
    let next = successors.get(before);
    if (!next || !predicted(before)(next.op === op)) {
      const number = recent(
        '',
        VOCABULARY.findIndex((known) => known.op === op),
      );
      next = VOCABULARY[number];
      if (!next) throw new FormatError('fqz', `operator ${number} is not known to this version`);
      successors.set(before, next);
    }
    before = next.op;
    return next;
  };
}

const SIZE = 0;
const SYMBOL = 1;
const UNKNOWN = 2;

/** Inputs and outputs of the graph: name, element type and shape. */
function portCode(coder: BitCoder, text: Code<string>): Code<Value> {
  const dtypes = dtypeCode(coder);
  const hasShape = flagCode(coder);
  const rank = countCode(coder, 'axes', LIMITS.rank);
  const dimKinds = treeCode(coder, 2);
  const size = uintCode(coder);
  const dimension = (dim: Dim | undefined): Dim => {
    // Some exporters write -1 where they mean that nothing is known.
    const isSize = typeof dim === 'number' && dim >= 0;
    const kind = dimKinds(isSize ? SIZE : typeof dim === 'string' ? SYMBOL : UNKNOWN);
    return kind === SIZE ? size(dim as number) : kind === SYMBOL ? text(dim as string) : null;
  };
  return (given) => {
    const type = given?.type?.kind === 'tensor' ? given.type : undefined;
    const name = text(given?.name);
    const dtype = dtypes(type?.dtype);
    if (!hasShape(type?.shape !== undefined)) return { name, type: { kind: 'tensor', dtype } };
    const shape = times(rank(type?.shape?.length), (axis) => dimension(type?.shape?.[axis]));
    return { name, type: { kind: 'tensor', dtype, shape } };
  };
}
