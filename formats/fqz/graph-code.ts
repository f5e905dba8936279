/**
 * The compact graph coding (SPEC.md, "Graph"): operators by number, predicted from the operator before; inputs as
 * back-references; attributes by difference; names only where somebody outside needs them.
 */
import { FormatError } from '../../src/errors.ts';
import { DTYPES, type DType, dtypeFromCode } from '../../src/graph/dtype.ts';
import { type Dim, emptyGraph, type Model, modelOf, type Node, type Value } from '../../src/graph/graph.ts';
import { OPS, type OpSpec, opSpec, TARGET_OPSET } from '../../src/graph/op-table.ts';
import { attributesCode } from './attribute-code.ts';
import type { BitCoder } from './bit-coder.ts';
import { LIMITS } from './format.ts';
import { type Code, countCode, flagCode, perKey, quote, recentCode, textCode, treeCode, uintCode } from './symbols.ts';

/** A coded graph, and its weights in the order in which the file holds them. */
export interface CodedGraph {
  readonly model: Model;
  readonly weights: readonly WeightUse[];
}

/** A weight's name, and where it is used first: `Conv 1` is input 1 of a Conv. */
export interface WeightUse {
  readonly name: string;
  readonly slot: string;
}

/** How a node's input is named. */
const LATEST = 0;
const FRESH_WEIGHT = 1;
const EARLIER = 2;
const KNOWN_WEIGHT = 3;
const SAME_WEIGHT = 4;
const ABSENT = 5;

/** Newer opsets may come, but a number above this is no opset. */
const LARGEST_OPSET = 255;

/** Slot of weights that no node uses. */
const UNUSED = 'unused';

/**
 * Codes a graph that `whyNotCompact` accepts. When writing, `model` and the names of its weights are given; when
 * reading, nothing is, and the returned model has no initialisers yet: its `weights` say which it wants. With
 * `keepNames`, the names that only people need are coded too.
 */
export function codeGraph(
  coder: BitCoder,
  model?: Model,
  weightNames: readonly string[] = [],
  keepNames = false,
): CodedGraph {
  const given = model?.graph;
  const text = textCode(coder);
  const port = portCode(coder, text);
  const operator = operatorCode(coder);
  const attributes = attributesCode(coder);
  const counts = perKey((what: string) => countCode(coder, what, LIMITS.ports));
  const inputKinds = perKey((_: string) => treeCode(coder, 3));
  const distances = perKey((_: string) => uintCode(coder));
  const omitted = perKey((_: string) => flagCode(coder));

  const opset = uintCode(coder)(model?.opsets.get('') ?? 0);
  if (opset < TARGET_OPSET || opset > LARGEST_OPSET) throw new FormatError('fqz', `opset ${opset} cannot be`);
  const names = nameTable(weightNames);

  /** Names of all values that a node can refer to, in order; and of the weights, in order of first use. */
  const values: string[] = [];
  const weights: WeightUse[] = [];
  const lastWeight = new Map<string, number>();

  const reference = (slot: string, name: string): string => {
    const weight = names.weight(name, weights);
    const kind = inputKinds(slot)(
      coder.reading ? 0 : referenceKind(name, weight, values, weights.length, lastWeight.get(slot)),
    );
    if (kind === ABSENT) return '';
    if (kind === LATEST || kind === EARLIER) {
      const back = kind === LATEST ? 0 : distances(slot)(values.length - 2 - values.lastIndexOf(name)) + 1;
      const found = values[values.length - 1 - back];
      if (found === undefined)
        throw new FormatError('fqz', 'a node refers to a value before the first: the file is damaged');
      return found;
    }
    let index = weights.length;
    if (kind === FRESH_WEIGHT) weights.push({ name: names.fresh(name, slot), slot });
    else if (kind === KNOWN_WEIGHT)
      index = weights.length - 1 - distances(`${slot} weight`)(weights.length - 1 - weight);
    else if (kind === SAME_WEIGHT) index = lastWeight.get(slot) ?? -1;
    const found = weights[index];
    if (!found) throw new FormatError('fqz', 'a node refers to a weight that is not there: the file is damaged');
    lastWeight.set(slot, index);
    if (weights.length > LIMITS.weights) throw new FormatError('fqz', 'too many weights');
    return found.name;
  };

  const graph = emptyGraph();
  const inputCount = counts('graph inputs')(given?.inputs.length ?? 0);
  for (let at = 0; at < inputCount; at++) {
    const input = port(given?.inputs[at]);
    graph.inputs.push(input);
    values.push(input.name);
  }

  const outputCount = counts('graph outputs')(given?.outputs.length ?? 0);
  for (let at = 0; at < outputCount; at++) graph.outputs.push(port(given?.outputs[at]));
  for (const { name } of [...graph.inputs, ...graph.outputs]) names.take(name);

  const nodeCount = countCode(coder, 'nodes', LIMITS.nodes)(given?.nodes.length ?? 0);
  for (let at = 0; at < nodeCount; at++) {
    const source: Node | undefined = given?.nodes[at];
    const spec = operator(source?.op ?? '');
    const inputCount = counts(`inputs of ${spec.op}`)(source?.inputs.length ?? 0);
    const inputs = Array.from({ length: inputCount }, (_, input) =>
      reference(`${spec.op} ${input}`, source?.inputs[input] ?? ''),
    );
    const outputCount = counts(`outputs of ${spec.op}`)((source?.outputs.length ?? 1) - 1) + 1;
    const outputs = Array.from({ length: outputCount }, (_, output) =>
      omitted(`${spec.op} ${output}`)(source?.outputs[output] === '') ? '' : (source?.outputs[output] ?? names.value()),
    );
    // The first output comes last, so that it is the latest value for the next node.
    for (const output of outputs.toReversed()) if (output !== '') values.push(output);
    graph.nodes.push({
      op: spec.op,
      domain: '',
      name: '',
      inputs,
      outputs,
      attributes: attributes(spec, source?.attributes ?? new Map()),
    });
  }

  const renamed = new Map<string, string>();
  for (const output of graph.outputs) {
    const found = reference('output', coder.reading ? '' : output.name);
    if (found === '' || renamed.has(found)) {
      throw new FormatError('fqz', `output ${quote(output.name)} is not computed: the file is damaged`);
    }
    renamed.set(found, output.name);
  }

  const used = new Set(weights.map(({ name }) => name));
  const unused = weightNames.filter((name) => !used.has(name));
  const unusedCount = countCode(coder, 'unused weights', LIMITS.weights)(unused.length);
  for (let at = 0; at < unusedCount; at++) weights.push({ name: names.fresh(unused[at] ?? '', UNUSED), slot: UNUSED });

  const coded = { model: model ?? modelOf(graph, opset, opset < 23 ? 10 : 11), weights };
  if (flagCode(coder)(keepNames)) codeNames(text, coded, renamed);
  return coder.reading ? rename(coded, renamed) : coded;
}

/** Codes the names that are not needed to run: of the model, its nodes, inner values and weights; and its metadata. */
function codeNames(text: Code<string>, { model, weights }: CodedGraph, names: Map<string, string>): void {
  const { graph } = model;
  model.producerName = text(model.producerName);
  model.producerVersion = text(model.producerVersion);
  graph.name = text(graph.name);
  const metadata = text(JSON.stringify([...model.metadata]));
  model.metadata = parseMetadata(metadata);
  for (const node of graph.nodes) node.name = text(node.name);
  const ports = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const inner = [...graph.nodes.flatMap(({ outputs }) => outputs), ...weights.map(({ name }) => name)];
  for (const name of inner) {
    if (name !== '' && !names.has(name) && !ports.has(name)) names.set(name, text(name));
  }
}

function parseMetadata(json: string): Map<string, string> {
  try {
    return new Map((JSON.parse(json) as [string, string][]).map(([key, value]) => [String(key), String(value)]));
  } catch (cause) {
    throw new FormatError('fqz', 'the metadata are damaged', undefined, { cause });
  }
}

function referenceKind(
  name: string,
  weight: number,
  values: readonly string[],
  weightCount: number,
  lastWeight: number | undefined,
): number {
  if (name === '') return ABSENT;
  if (weight >= 0) return weight === weightCount ? FRESH_WEIGHT : weight === lastWeight ? SAME_WEIGHT : KNOWN_WEIGHT;
  return values.at(-1) === name ? LATEST : EARLIER;
}

/**
 * Names while the graph is coded. A writer looks its weights up here; a reader, for which the file holds only the names
 * of inputs and outputs, invents the others.
 */
function nameTable(weightNames: readonly string[]) {
  const all = new Set(weightNames);
  const index = new Map<string, number>();
  const taken = new Set<string>();
  const ordinals = new Map<string, number>();
  /** The first of `stem`0`tail`, `stem`1`tail`, … that nobody has. */
  const invent = (stem: string, tail = ''): string => {
    for (;;) {
      const ordinal = ordinals.get(stem + tail) ?? 0;
      ordinals.set(stem + tail, ordinal + 1);
      const name = `${stem}${ordinal}${tail}`;
      if (!taken.has(name)) return name;
    }
  };
  return {
    /** Keeps a name from being invented. */
    take: (name: string) => taken.add(name),
    /** Place of a weight among those met so far, their number for one not met yet, -1 for what is no weight. */
    weight: (name: string, met: readonly WeightUse[]) => (all.has(name) ? (index.get(name) ?? met.length) : -1),
    /** Takes a weight up, under its own name or one made from its use: the n-th weight that is input i of an operator. */
    fresh: (name: string, slot: string) => {
      if (name !== '') {
        index.set(name, index.size);
        return name;
      }
      const [op, input] = slot.split(' ');
      return invent(op!, input && `.${input}`);
    },
    value: () => invent('value'),
  };
}

/** Gives outputs their names, in place of those invented; names of inputs stay. */
function rename({ model, weights }: CodedGraph, names: ReadonlyMap<string, string>): CodedGraph {
  const { graph } = model;
  for (const { name } of graph.inputs) {
    if ((names.get(name) ?? name) !== name) throw new FormatError('fqz', 'an input is renamed: the file is damaged');
  }
  const renamed = (name: string) => names.get(name) ?? name;
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map(renamed);
    node.outputs = node.outputs.map(renamed);
  }
  const uses = weights.map(({ name, slot }) => ({ name: renamed(name), slot }));
  const defined = [...graph.inputs.map(({ name }) => name), ...graph.nodes.flatMap(({ outputs }) => outputs)];
  const present = [...defined, ...uses.map(({ name }) => name)].filter((name) => name !== '');
  if (new Set(present).size !== present.length)
    throw new FormatError('fqz', 'two values share a name: the file is damaged');
  return { model, weights: uses };
}

/** Operators: the one that last followed the operator before, or one met lately, or one from the table. */
function operatorCode(coder: BitCoder): (op: string) => OpSpec {
  const predicted = perKey((_: string) => flagCode(coder));
  const recent = recentCode(coder, treeCode(coder, 8));
  const place = uintCode(coder);
  const successors = new Map<string, OpSpec>();
  let before = '';
  return (op) => {
    const guess = successors.get(before);
    let spec = guess;
    if (!guess || !predicted(before)(guess.op === op)) {
      const number = recent(coder.reading ? 0 : OPS.indexOf(opSpec(op)!), place);
      spec = OPS[number];
      if (!spec) throw new FormatError('fqz', `operator ${number} is not known to this version`);
      successors.set(before, spec);
    }
    before = spec!.op;
    return spec!;
  };
}

const SIZE = 0;
const SYMBOL = 1;
const UNKNOWN = 2;

/** Inputs and outputs of the graph: name, element type and shape. */
function portCode(coder: BitCoder, text: (value: string) => string): (given: Value | undefined) => Value {
  const dtypes = treeCode(coder, 5);
  const hasShape = flagCode(coder);
  const rank = countCode(coder, 'axes', LIMITS.rank);
  const dimKinds = treeCode(coder, 2);
  const size = uintCode(coder);
  const dimCode = (dim: Dim | undefined): Dim => {
    // Some exporters write -1 where they mean that nothing is known.
    const isSize = typeof dim === 'number' && dim >= 0;
    const kind = dimKinds(isSize ? SIZE : typeof dim === 'string' ? SYMBOL : UNKNOWN);
    if (kind === SIZE) return size(typeof dim === 'number' ? dim : 0);
    return kind === SYMBOL ? text(typeof dim === 'string' ? dim : '') : null;
  };
  return (given) => {
    const type = given?.type?.kind === 'tensor' ? given.type : undefined;
    const name = text(given?.name ?? '');
    const code = dtypes(type ? DTYPES[type.dtype].code : 0);
    const dtype: DType | undefined = dtypeFromCode(code);
    if (!dtype) throw new FormatError('fqz', `element type ${code} is unknown`);
    if (!hasShape(type?.shape !== undefined)) return { name, type: { kind: 'tensor', dtype } };
    const shape = Array.from({ length: rank(type?.shape?.length ?? 0) }, (_, axis) => dimCode(type?.shape?.[axis]));
    return { name, type: { kind: 'tensor', dtype, shape } };
  };
}
