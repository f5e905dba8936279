/**
 * Writes the `.fqz` container (SPEC.md), in the first version that has what the archive uses.
 */
import type { Archive, StoredWeight } from '../../src/codec/archive.ts';
import { crc32 } from './crc32.ts';
import { CHECKSUM_BYTES, FIRST_VERSION, FOREIGN_SLOT, largestMemory, MAGIC, NEWEST_VERSION } from './format.ts';
import type { WeightUse } from './graph-code.ts';
import { graphSection } from './graph-section.ts';
import { graphSymbols } from './graph-symbols.ts';
import { headerOf, headerSymbols } from './header-of.ts';
import { plainRuns } from './number-runs.ts';
import { weightSymbols } from './number-symbols.ts';
import { RangeEncoder } from './range-encoder.ts';
import { memoryOf, type WeightHeader } from './weight-header.ts';
import { weightNumbers } from './weight-numbers.ts';
import { type Symbols, textSymbols } from './written-symbols.ts';

export interface WriteOptions {
  /** Keeps the names of nodes, weights and inner values, and the model's metadata. */
  keepNames?: boolean;
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
  const version = archive.weights.some(hasChains) ? NEWEST_VERSION : FIRST_VERSION;
  const { symbols, weights, headers } = sectionSymbols(archive, options.keepNames ?? false);
  const head = new RangeEncoder(symbols);
  graphSection(head, version);
  const graph = head.finish();

  const body = new RangeEncoder(numbersOf(weights, headers));
  const runs = plainRuns(body);
  const ends = weights.map(({ name }, at) => {
    weightNumbers(body, runs, { name, ...headers[at]! });
    return body.position;
  });
  const coefficients = body.finish();
  const memory = headers.reduce((sum, own) => sum + memoryOf(own), 0);
  if (memory > largestMemory(coefficients.length)) {
    throw new RangeError(`weights of ${memory} bytes in ${coefficients.length} are beyond what a .fqz file may hold`);
  }

  const bytes = concatenate([[...MAGIC, version], varint(graph.length), graph, foreign ?? [], coefficients]);
  new DataView(bytes.buffer).setUint32(bytes.length - CHECKSUM_BYTES, crc32(bytes.subarray(0, -CHECKSUM_BYTES)), true);
  const total = ends.at(-1) ?? 1;
  const share = (at: number) => ((ends[at]! - (ends[at - 1] ?? 0)) / total) * coefficients.length;
  return {
    bytes,
    graphBytes: bytes.length - coefficients.length,
    weightBytes: coefficients.length,
    bytesOf: new Map(weights.map(({ name }, at) => [name, share(at)])),
  };
}

function hasChains(weight: StoredWeight): boolean {
  const operands = 'tensor' in weight ? [] : weight.network.operands;
  return operands.some((operand) => operand.kind === 'quantized' && operand.chainAxis !== undefined);
}

/** The symbols of the graph section, and, when they have been taken, the weights in the order of the file. */
function sectionSymbols(archive: Archive, keepNames: boolean) {
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
      headers.push(headerOf(weight));
      yield header(slot, headers.at(-1)!);
    }
    yield companionSymbols(archive);
    if (graph.kind === 'onnx') yield graph.deflated.length;
  }
  return { symbols: symbols(), weights, headers };
}

function* numbersOf(weights: readonly StoredWeight[], headers: readonly WeightHeader[]): Symbols {
  for (const [at, weight] of weights.entries()) yield weightSymbols(weight, headers[at]!);
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

function concatenate(parts: ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, CHECKSUM_BYTES));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
