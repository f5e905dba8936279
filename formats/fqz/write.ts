/**
 * Writes the `.fqz` container, version 1 (SPEC.md).
 */
import type { Archive } from '../../src/codec/archive.ts';
import { codeCompanions } from './companions-code.ts';
import { crc32 } from './crc32.ts';
import { CHECKSUM_BYTES, FOREIGN_SLOT, LIMITS, largestMemory, MAGIC, VERSION } from './format.ts';
import { codeGraph } from './graph-code.ts';
import { graphSymbols } from './graph-symbols.ts';
import { headerOf } from './header-of.ts';
import { plainRuns } from './number-runs.ts';
import { weightSymbols } from './number-symbols.ts';
import { RangeEncoder } from './range-encoder.ts';
import { countCode, flagCode, textCode, uintCode } from './symbols.ts';
import { memoryOf, weightHeaderCode } from './weight-header.ts';
import { weightNumbersCode } from './weight-numbers.ts';

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
  const head = new RangeEncoder();
  const foreign = archive.graph.kind === 'onnx' ? archive.graph.deflated : undefined;
  flagCode(head)(foreign !== undefined);
  const weights = orderedWeights(head, archive, options.keepNames ?? false);
  const headers = weights.map(({ weight }) => headerOf(weight));
  const header = weightHeaderCode(head);
  weights.forEach(({ slot }, at) => {
    header(slot, headers[at]);
  });
  codeCompanions(head, archive);
  if (foreign) uintCode(head)(foreign.length);
  const graph = head.finish();

  const body = new RangeEncoder();
  const numbers = weightNumbersCode(body, plainRuns(body));
  const ends = weights.map(({ weight, name }, at) => {
    numbers(name, headers[at]!, weightSymbols(weight, headers[at]!));
    return body.position;
  });
  const coefficients = body.finish();
  const memory = headers.reduce((sum, own) => sum + memoryOf(own), 0);
  if (memory > largestMemory(coefficients.length)) {
    throw new RangeError(`weights of ${memory} bytes in ${coefficients.length} are beyond what a .fqz file may hold`);
  }

  const bytes = concatenate([[...MAGIC, VERSION], varint(graph.length), graph, foreign ?? [], coefficients]);
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

/** Codes the compact graph, if there is one, and returns the weights in the order of the file. */
function orderedWeights(head: RangeEncoder, archive: Archive, keepNames: boolean) {
  const byName = new Map(archive.weights.map((weight) => [weight.name, weight]));
  if (archive.graph.kind === 'compact') {
    const { symbols, weights } = graphSymbols(archive.graph.model, [...byName.keys()], keepNames);
    codeGraph(head, symbols);
    return weights.map(({ name, slot }) => ({ name, slot, weight: byName.get(name)! }));
  }
  const text = textCode(head);
  countCode(head, 'weights', LIMITS.weights)(archive.weights.length);
  return archive.weights.map((weight) => ({ name: text(weight.name), slot: FOREIGN_SLOT, weight }));
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
