/**
 * Reads the `.fqz` container, versions 1 and 2 (SPEC.md). Nothing is believed before the checksum agrees, and no memory is
 * taken for what the remaining bytes cannot hold.
 */
import type { Archive, ArchiveGraph, StoredWeight } from '../../src/codec/archive.ts';
import { FormatError } from '../../src/errors.ts';
import { crc32 } from './crc32.ts';
import { atMost, CHECKSUM_BYTES, FIRST_VERSION, HEADER_BYTES, largestMemory, MAGIC, NEWEST_VERSION } from './format.ts';
import { graphSection } from './graph-section.ts';
import { plainRuns, type RunsDecoder } from './number-runs.ts';
import { RangeDecoder } from './range-decoder.ts';
import { memoryOf, type NamedHeader } from './weight-header.ts';
import { weightNumbers } from './weight-numbers.ts';

export { type BulkDecoder, bulkRuns, type RangeState } from './bulk-decoder.ts';
export { axesOf, type CoreLayout } from './coded-order.ts';
export { plainRuns, type RunsDecoder } from './number-runs.ts';
export { LARGEST_OVERRUN } from './range-decoder.ts';
export type { NamedHeader } from './weight-header.ts';

/** An archive, and where the bytes of its file are. */
export interface ReadArchive extends Archive {
  readonly version: number;
  readonly graphBytes: number;
  readonly weightBytes: number;
  /** Bytes of each weight's numbers, with fractions; by name. They add up to `weightBytes`. */
  readonly bytesOf: ReadonlyMap<string, number>;
}

/** Whether `bytes` begin as a `.fqz` file of any version does. */
export function isFqz(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

/** A file whose graph has been read, and whose weights are still coded. */
export interface OpenedFqz extends Omit<Archive, 'weights'> {
  readonly version: number;
  readonly graphBytes: number;
  readonly weightBytes: number;
  /** One for each weight, in the order of the file. */
  readonly headers: readonly NamedHeader[];
  /**
   * Decodes one weight after another by `runs`, in the order of the file; each time anew. Throws `FormatError` where the
   * numbers are damaged, at the latest behind the last weight. With other than `plainRuns`, cores of networks may have their
   * axes in another order, and the letters of the expression likewise.
   */
  weights(runs: RunsDecoder): Generator<StoredWeight, void, void>;
}

/** Parses a `.fqz` file. Throws `FormatError` for anything that is not a whole, undamaged file of a known version. */
export function readFqz(bytes: Uint8Array): ReadArchive {
  const { headers, weights: decode, ...rest } = openFqz(bytes);
  const weights: StoredWeight[] = [];
  const ends: number[] = [];
  let coder: RangeDecoder;
  const runs: RunsDecoder = (decoder) => {
    coder = decoder;
    return plainRuns(decoder);
  };
  for (const weight of decode(runs)) {
    weights.push(weight);
    ends.push(8 * coder!.next - Math.log2(coder!.range));
  }
  const total = ends.at(-1) ?? 1;
  const share = (at: number) => ((ends[at]! - (ends[at - 1] ?? 0)) / total) * rest.weightBytes;
  return { ...rest, weights, bytesOf: new Map(headers.map(({ name }, at) => [name, share(at)])) };
}

/**
 * Parses a `.fqz` file up to the numbers of its weights, and checks that the file is whole and may promise what it
 * promises. Throws `FormatError` as `readFqz` does.
 */
export function openFqz(bytes: Uint8Array): OpenedFqz {
  const version = checkContainer(bytes);
  const end = bytes.length - CHECKSUM_BYTES;
  let graphStart = HEADER_BYTES;
  let graphLength = 0;
  for (let byte = 128, place = 1; byte > 127; place *= 128) {
    byte = bytes[graphStart++]!;
    graphLength += (byte & 127) * place;
    atMost('bytes of a length', graphStart - HEADER_BYTES + (byte >> 7), 5);
  }
  const graphEnd = atMost('end of the graph', graphStart + graphLength, end);

  const head = new RangeDecoder(bytes.subarray(graphStart, graphEnd));
  const { model, headers, foreignLength, ...rest } = graphSection(head, version);
  head.finish();

  const start = atMost('end of the ONNX graph', graphEnd + foreignLength, end);
  const graph: ArchiveGraph = model
    ? { kind: 'compact', model }
    : { kind: 'onnx', deflated: bytes.slice(graphEnd, start) };
  const coefficients = bytes.subarray(start, end);
  const weightBytes = coefficients.length;
  const memory = headers.reduce((sum, own) => sum + memoryOf(own), 0);
  atMost('bytes of all weights', memory, largestMemory(weightBytes));
  return {
    version,
    graph,
    ...rest,
    graphBytes: bytes.length - weightBytes,
    weightBytes,
    headers,
    weights: weightsOf(headers, coefficients),
  };
}

// A scope of its own: what outlives the opening does not hold on to the statistics of the graph's decoder.
function weightsOf(headers: readonly NamedHeader[], coefficients: Uint8Array): OpenedFqz['weights'] {
  return function* (runs) {
    const body = new RangeDecoder(coefficients);
    const codes = runs(body);
    for (const header of headers) yield weightNumbers(body, codes, header);
    body.finish();
  };
}

/** The version of a file that is whole. */
function checkContainer(bytes: Uint8Array): number {
  if (!isFqz(bytes)) throw new FormatError('fqz', 'this is not a .fqz file, which begins with FQZ');
  if (bytes.length <= HEADER_BYTES + CHECKSUM_BYTES) {
    throw new FormatError('fqz', `the file is cut off: ${bytes.length} bytes are too few`);
  }
  const version = bytes[MAGIC.length]!;
  if (version < FIRST_VERSION || version > NEWEST_VERSION) {
    throw new FormatError(
      'fqz',
      `the file is of version ${version}; this program reads up to version ${NEWEST_VERSION}`,
    );
  }
  const end = bytes.length - CHECKSUM_BYTES;
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end, CHECKSUM_BYTES).getUint32(0, true);
  if (stored !== crc32(bytes.subarray(0, end))) {
    throw new FormatError('fqz', 'the file is damaged or cut off: its checksum does not match');
  }
  return version;
}
