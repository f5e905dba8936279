/**
 * The compact graph (SPEC.md, "Graph"): operators by number, predicted from the operator before; inputs as
 * back-references; attributes by difference; names only where somebody outside needs them.
 */
import { FormatError } from '../../src/errors.ts';
import { type Dim, emptyGraph, type Model, modelOf, type Value } from '../../src/graph/graph.ts';
import { type Operator, TARGET_OPSET, VOCABULARY } from '../../src/graph/vocabulary.ts';
import { attributesCode } from './attribute-code.ts';
import type { BitCoder } from './bit-coder.ts';
import { atMost, damaged, MOST_AXES, MOST_ITEMS, MOST_PORTS } from './format.ts';
import { count, dtypeSymbol, flag, quote, recent, text, times, tree, uint } from './symbols.ts';

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

/** What a size of a graph's input or output is. */
export const SIZE = 0;
export const SYMBOL = 1;
export const UNKNOWN = 2;

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

/** A graph. Where the file has no names, they are invented. */
export function codeGraph(coder: BitCoder): CodedGraph {
  const opset = uint(coder, 'opset');
  if (opset < TARGET_OPSET || opset > LARGEST_OPSET) throw damaged(`opset ${opset}`);
  const inputs = times(count(coder, 'graph inputs', MOST_PORTS), () => port(coder));
  const outputs = times(count(coder, 'graph outputs', MOST_PORTS), () => port(coder));

  const invent = inventor([...inputs, ...outputs]);
  /** All values that a node can refer to, in order; and the weights, in order of first use. */
  const given = inputs.map(({ name }): Named => ({ name }));
  const values = [...given];
  const weights: (Named & { slot: string })[] = [];
  const lastWeight = new Map<string, Named | undefined>();

  const addWeight = (slot: string) => {
    const [op, input] = slot.split(' ');
    weights.push({ name: invent(op!, input && `.${input}`), slot });
    atMost('weights', weights.length, MOST_ITEMS);
  };

  const reference = (slot: string): Named => {
    const kind = tree(coder, `reference ${slot}`, 3);
    if (kind === ABSENT) return NOTHING;
    let found: Named | undefined;
    if (kind === LATEST) found = values.at(-1);
    else if (kind === EARLIER) found = values.at(-2 - uint(coder, `distance ${slot}`));
    else if (kind < ABSENT) {
      if (kind === FRESH_WEIGHT) addWeight(slot);
      if (kind !== SAME_WEIGHT) {
        lastWeight.set(slot, weights.at(kind === KNOWN_WEIGHT ? -1 - uint(coder, `weight distance ${slot}`) : -1));
      }
      found = lastWeight.get(slot);
    }
    if (!found) throw damaged('a node refers to what is not there');
    return found;
  };

  const operator = operatorCode(coder);
  const attributes = attributesCode(coder);
  const nodes = times(count(coder, 'nodes'), () => {
    const known = operator();
    const { op } = known;
    const from = times(count(coder, `inputs of ${op}`, MOST_PORTS), (at) => reference(`${op} ${at}`));
    const to = times(count(coder, `further outputs of ${op}`, MOST_PORTS) + 1, (at) =>
      flag(coder, `output ${op} ${at} is omitted`) ? NOTHING : { name: invent('value') },
    );
    // The first output comes last, so that it is the latest value for the next node.
    values.push(...to.filter((output) => output !== NOTHING).reverse());
    return { op, domain: '', name: '', from, to, attributes: attributes(known) };
  });

  const results = new Set<Named>();
  for (const { name } of outputs) {
    const found = reference(OUTPUT);
    const isOtherInput = given.includes(found) && found.name !== name;
    if (found === NOTHING || results.has(found) || isOtherInput) throw damaged(`output ${quote(name)} is not computed`);
    found.name = name;
    results.add(found);
  }
  for (let left = count(coder, 'unused weights'); left > 0; left--) addWeight(UNUSED);

  const graph = { ...emptyGraph(), inputs, outputs };
  const model = modelOf(graph, opset, opset < 23 ? 10 : 11);
  const inner = [...nodes.flatMap(({ to }) => to), ...weights].filter((value) => value !== NOTHING);
  if (flag(coder, 'names are kept')) {
    const next = () => text(coder, 'text');
    model.producerName = next();
    model.producerVersion = next();
    graph.name = next();
    model.metadata = parseMetadata(next());
    for (const node of nodes) node.name = next();
    for (const value of inner) if (!results.has(value)) value.name = next();
  }
  const names = (all: readonly Named[]) => all.map(({ name }) => name);
  const defined = names([...given, ...inner]);
  if (new Set(defined).size < defined.length) throw damaged('two values share a name');
  graph.nodes = nodes.map(({ from, to, ...node }) => ({ ...node, inputs: names(from), outputs: names(to) }));
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
function operatorCode(coder: BitCoder): () => Operator {
  const met: number[] = [];
  const successors = new Map<string, Operator>();
  let before = '';
  return () => {
    let next = successors.get(before);
    if (!next || !flag(coder, `operator after ${before} as predicted`)) {
      const number = recent(coder, 'operator place', met, () => tree(coder, 'operator', 8));
      next = VOCABULARY[number];
      if (!next) throw new FormatError('fqz', `operator ${number} is not known to this version`);
      successors.set(before, next);
    }
    before = next.op;
    return next;
  };
}

/** An input or output of the graph: name, element type and shape. */
function port(coder: BitCoder): Value {
  const name = text(coder, 'text');
  const dtype = dtypeSymbol(coder, 'port type');
  if (!flag(coder, 'port has a shape')) return { name, type: { kind: 'tensor', dtype } };
  const shape = times(count(coder, 'axes of a port', MOST_AXES), (): Dim => {
    const kind = tree(coder, 'dimension kind', 2);
    return kind === SIZE ? uint(coder, 'dimension size') : kind === SYMBOL ? text(coder, 'text') : null;
  });
  return { name, type: { kind: 'tensor', dtype, shape } };
}
