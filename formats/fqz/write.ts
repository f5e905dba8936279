/**
 * Writes the `.fqz` container (SPEC.md), in the first version that has what the archive uses.
 */
import type { Archive, Layer, StoredWeight } from '../../src/codec/archive.ts';
import { crc32 } from './crc32.ts';
import {
  CHECKSUM_BYTES,
  FIRST_VERSION,
  FOREIGN_SLOT,
  LARGEST_FACTOR,
  largestMemory,
  MAGIC,
  MOST_LAYERS,
  NEWEST_VERSION,
} from './format.ts';
import type { WeightUse } from './graph-code.ts';
import { graphSection } from './graph-section.ts';
import { graphSymbols } from './graph-symbols.ts';
import { headerOf, headerSymbols } from './header-of.ts';
import { plainRuns } from './number-runs.ts';
import { weightSymbols } from './number-symbols.ts';
import { RangeEncoder } from './range-encoder.ts';
import { refinementSymbols } from './refinement-symbols.ts';
import { refinementsCode } from './refinements-code.ts';
import { memoryOf, type WeightHeader } from './weight-header.ts';
import { weightNumbers } from './weight-numbers.ts';
import { type Symbols, textSymbols } from './written-symbols.ts';

export interface WriteOptions {
  /** Keeps the names of nodes, weights and inner values, and the model's metadata. */
  keepNames?: boolean;
  /** The layers behind the first, at most 7: each prefix of the file that ends with a layer is a file of its own. */
  layers?: readonly Layer[];
}

/** A written file, and where its bytes went. */
export interface WrittenArchive {
  readonly bytes: Uint8Array;
  /** Everything but the weights' numbers: container, graph, weight headers, preparation, labels. */
  readonly graphBytes: number;
  readonly weightBytes: number;
  /** Bytes of each weight's numbers, with fractions; by name. They add up to `weightBytes`. */
  readonly bytesOf: ReadonlyMap<string, number>;
}

/**
 * Serialises an archive. A compact graph is expected to satisfy `whyNotCompact`; throws `TypeError` or `RangeError`
 * where the archive contradicts itself or is beyond the format's limits.
 */
export function writeFqz(archive: Archive, options: WriteOptions = {}): WrittenArchive {
  const foreign = archive.graph.kind === 'onnx' ? archive.graph.deflated : undefined;
  const { keepNames = false, layers = [] } = options;
  checkLayers(layers);
  const version = layers.length > 0 || archive.weights.some(hasChains) ? NEWEST_VERSION : FIRST_VERSION;
  const { symbols, weights, headers } = sectionSymbols(archive, keepNames, layers);
  const head = new RangeEncoder(symbols);
  graphSection(head, version, layers.length + 1);
  const graph = head.finish();

  const body = new RangeEncoder(numbersOf(weights, headers, layers));
  const others = layers.map((_, at) => new RangeEncoder(refinementSymbols(weights, headers, layers, at)));
  const runs = plainRuns(body);
  const refinements = others.map(refinementsCode);
  const encoders = [body, ...others];
  const ends = weights.map(({ name }, at) => {
    weightNumbers(body, runs, { name, ...headers[at]! }, refinements);
    return encoders.reduce((sum, { position }) => sum + position, 0);
  });
  const sections = encoders.map((encoder) => encoder.finish());
  const memory = headers.reduce((sum, own) => sum + memoryOf(own), 0);
  if (memory > largestMemory(sections[0]!.length)) {
    throw new RangeError(`weights of ${memory} bytes in ${sections[0]!.length} are beyond what a .fqz file may hold`);
  }

  const start = [...MAGIC, version, ...varint(graph.length)];
  if (version > FIRST_VERSION) start.push(...layerLengths(sections, foreign?.length ?? 0));
  const bytes = concatenate([start, graph, foreign ?? []], sections);
  const weightBytes = sections.reduce((sum, { length }) => sum + length, 0);
  const total = ends.at(-1) ?? 1;
  const share = (at: number) => ((ends[at]! - (ends[at - 1] ?? 0)) / total) * weightBytes;
  return {
    bytes,
    graphBytes: bytes.length - weightBytes,
    weightBytes,
    bytesOf: new Map(weights.map(({ name }, at) => [name, share(at)])),
  };
}

function checkLayers(layers: readonly Layer[]): void {
  if (layers.length >= MOST_LAYERS) throw new RangeError(`${layers.length + 1} layers, at most ${MOST_LAYERS} can be`);
  for (const { factor } of layers.flatMap((layer) => [...layer.values()])) {
    if (!(Number.isInteger(factor) && factor >= 1 && factor <= LARGEST_FACTOR)) {
      throw new RangeError(`a layer ${factor} times as fine, expected a whole number from 1 to ${LARGEST_FACTOR}`);
    }
  }
}

/** How many layers there are and how long each is, the ONNX graph counted with the first; 0 for a file in one piece. */
function layerLengths(sections: readonly Uint8Array[], foreign: number): number[] {
  if (sections.length === 1) return varint(0);
  const lengths = sections.map(({ length }, at) => length + (at === 0 ? foreign : 0));
  return [...varint(lengths.length), ...lengths.flatMap(varint)];
}

function hasChains(weight: StoredWeight): boolean {
  const operands = 'tensor' in weight ? [] : weight.network.operands;
  return operands.some((operand) => operand.kind === 'quantized' && operand.chainAxis !== undefined);
}

/** The symbols of the graph section, and, when they have been taken, the weights in the order of the file. */
function sectionSymbols(archive: Archive, keepNames: boolean, layers: readonly Layer[]) {
  const byName = new Map(archive.weights.map((weight) => [weight.name, weight]));
  const { graph } = archive;
  const weights: StoredWeight[] = [];
  const headers: WeightHeader[] = [];

  function* symbols(): Symbols {
    const uses: WeightUse[] = [];
    yield Number(graph.kind === 'onnx');
    if (graph.kind === 'onnx') {
      yield archive.weights.length;
      for (const { name } of archive.weights) yield textSymbols(name);
      uses.push(...archive.weights.map(({ name }) => ({ name, slot: FOREIGN_SLOT })));
    } else {
      const coded = graphSymbols(graph.model, [...byName.keys()], keepNames);
      yield coded.symbols;
      uses.push(...coded.weights);
    }
    const header = headerSymbols();
    for (const { name, slot } of uses) {
      const weight = byName.get(name)!;
      weights.push(weight);
      headers.push(headerOf(weight, layers));
      yield header(slot, headers.at(-1)!);
    }
    yield companionSymbols(archive);
    if (graph.kind === 'onnx') yield graph.deflated.length;
  }
  return { symbols: symbols(), weights, headers };
}

function* numbersOf(
  weights: readonly StoredWeight[],
  headers: readonly WeightHeader[],
  layers: readonly Layer[],
): Symbols {
  for (const [at, weight] of weights.entries()) yield weightSymbols(weight, headers[at]!, layers);
}

function* companionSymbols({ preparation, labels }: Archive): Symbols {
  yield Number(preparation !== undefined);
  if (preparation) {
    const { scale, mean, std, channels } = preparation;
    for (const numbers of [[scale], mean, std]) yield textSymbols(numbers.join(' '));
    yield Number(channels === 'bgr');
  }
  yield Number(labels !== undefined);
  if (labels) {
    yield labels.length;
    for (const label of labels) yield textSymbols(label);
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

/** What stands in front, then the sections, each with the checksum of all that is before it. */
function concatenate(front: readonly ArrayLike<number>[], sections: readonly Uint8Array[]): Uint8Array {
  const parts = [...front, ...sections];
  const size = parts.reduce((sum, part) => sum + part.length, sections.length * CHECKSUM_BYTES);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [place, part] of parts.entries()) {
    bytes.set(part, at);
    at += part.length;
    if (place < front.length) continue;
    view.setUint32(at, crc32(bytes.subarray(0, at)), true);
    at += CHECKSUM_BYTES;
  }
  return bytes;
}
