/**
 * Reads the `.fqz` container, versions 1 and 2 (SPEC.md). Nothing is believed before the checksum agrees, and no memory is
 * taken for what the remaining bytes cannot hold.
 */
import type { Archive, ArchiveGraph, StoredWeight } from '../../src/codec/archive.ts';
import { FormatError } from '../../src/errors.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { crc32 } from './crc32.ts';
import {
  atMost,
  CHECKSUM_BYTES,
  damaged,
  FIRST_VERSION,
  HEADER_BYTES,
  largestMemory,
  MAGIC,
  MOST_LAYERS,
  NEWEST_VERSION,
} from './format.ts';
import { graphSection } from './graph-section.ts';
import { type NumberRuns, plainRuns, type RunsDecoder } from './number-runs.ts';
import { RangeDecoder } from './range-decoder.ts';
import { refinementsCode } from './refinements-code.ts';
import { times } from './symbols.ts';
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
  /** As of `OpenedFqz`. */
  readonly layerEnds: readonly number[];
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
  /** Lengths of the whole files that the layers make, those that are not there included; none where the file is in one piece. */
  readonly layerEnds: readonly number[];
  /** One for each weight, in the order of the file. */
  readonly headers: readonly NamedHeader[];
  /**
   * Decodes one weight after another by `runs`, in the order of the file; each time anew. Throws `FormatError` where the
   * numbers are damaged, at the latest behind the last weight. With other than `plainRuns`, cores of networks may have their
   * axes in another order, and the letters of the expression likewise.
   *
   * @param watch gets the decoders of the layers when decoding begins
   */
  weights(runs: RunsDecoder, watch?: (decoders: readonly RangeDecoder[]) => void): Generator<StoredWeight, void, void>;
}

/** Parses a `.fqz` file. Throws `FormatError` for anything that is not a whole, undamaged file of a known version. */
export function readFqz(bytes: Uint8Array): ReadArchive {
  const { headers, weights: decode, ...rest } = openFqz(bytes);
  const weights: StoredWeight[] = [];
  const ends: number[] = [];
  let coders: readonly RangeDecoder[];
  const watch = (decoders: readonly RangeDecoder[]) => {
    coders = decoders;
  };
  for (const weight of decode(plainRuns, watch)) {
    weights.push(weight);
    ends.push(coders!.reduce((sum, { next, range }) => sum + 8 * next - Math.log2(range), 0));
  }
  const total = ends.at(-1) ?? 1;
  const share = (at: number) => ((ends[at]! - (ends[at - 1] ?? 0)) / total) * rest.weightBytes;
  return { ...rest, weights, bytesOf: new Map(headers.map(({ name }, at) => [name, share(at)])) };
}

/**
 * Lengths of the prefixes of a file with layers that are whole files of their own, coarsest first, the file itself last; none for
 * a file in one piece. The first few bytes are enough to tell, and are believed. Throws `FormatError` where they are too few, or
 * not those of a `.fqz` file of a known version.
 */
export function layerEnds(bytes: Uint8Array): number[] {
  checkStart(bytes);
  return containerOf(bytes).ends;
}

/**
 * Parses a `.fqz` file up to the numbers of its weights, and checks that the file is whole and may promise what it
 * promises. Throws `FormatError` as `readFqz` does.
 */
export function openFqz(bytes: Uint8Array): OpenedFqz {
  const version = checkStart(bytes);
  checkSum(bytes);
  const { graphStart, graphEnd, ends } = containerOf(bytes);
  atMost('end of the graph', graphEnd, bytes.length - CHECKSUM_BYTES);
  const { model, headers, foreignLength, ...rest } = headOf(bytes.subarray(graphStart, graphEnd), version, ends);

  const [first, ...layers] = sectionsOf(bytes, graphEnd, ends);
  const start = atMost('end of the ONNX graph', foreignLength, first!.length);
  const graph: ArchiveGraph = model ? { kind: 'compact', model } : { kind: 'onnx', deflated: first!.slice(0, start) };
  const sections = [first!.subarray(start), ...layers];
  const weightBytes = sections.reduce((sum, { length }) => sum + length, 0);
  const memory = headers.reduce((sum, own) => sum + memoryOf(own), 0);
  atMost('bytes of all weights', memory, largestMemory(sections[0]!.length));
  return {
    version,
    graph,
    ...rest,
    graphBytes: bytes.length - weightBytes,
    weightBytes,
    headers,
    layerEnds: ends,
    weights: weightsOf(headers, sections),
  };
}

/**
 * What the beginning of a file tells, while the rest is on its way: graph and headers, with zeros for all numbers of weights. `undefined` where
 * the graph is not all there yet. Nothing has been held against a checksum, so this is for preparing, and throws whatever damage
 * leads to.
 */
export function foreseeFqz(bytes: Uint8Array): OpenedFqz | undefined {
  if (bytes.length < MOST_LENGTHS) return undefined;
  const version = checkStart(bytes);
  const { graphStart, graphEnd, ends } = containerOf(bytes);
  if (graphEnd > bytes.length) return undefined;
  const { model, headers, foreignLength, ...rest } = headOf(bytes.subarray(graphStart, graphEnd), version, ends);
  if (!model) throw damaged(`an ONNX graph of ${foreignLength} bytes`);
  const memory = headers.reduce((sum, own) => sum + memoryOf(own), 0);
  atMost('bytes of zeros', memory, MOST_FORESEEN);
  return {
    version,
    graph: { kind: 'compact', model },
    ...rest,
    graphBytes: graphEnd,
    weightBytes: 0,
    headers,
    layerEnds: ends,
    *weights() {
      const none = new RangeDecoder(new Uint8Array(0));
      for (const header of headers) yield weightNumbers(none, ZEROS, header, []);
    },
  };
}

/** Bytes that suffice for all lengths before the graph. */
const MOST_LENGTHS = 64;
/** Bytes that zeros may take: how many the file has room for is not known yet. */
const MOST_FORESEEN = 2 ** 26;

const ZEROS: NumberRuns = {
  patterns: (_where, _kind, count) => new Uint32Array(count),
  levels: ({ shape }) => new Int32Array(elementCount(shape)),
};

function headOf(section: Uint8Array, version: number, ends: readonly number[]) {
  const head = new RangeDecoder(section);
  const read = graphSection(head, version, ends.length);
  head.finish();
  return read;
}

/** What is between the graph section and the checksums: the coded bytes of each layer that is there. */
function sectionsOf(bytes: Uint8Array, graphEnd: number, layerEnds: readonly number[]): Uint8Array[] {
  const ends = layerEnds.length ? layerEnds : [bytes.length];
  const count = ends.indexOf(bytes.length) + 1;
  if (count === 0) throw damaged(`${bytes.length} bytes, expected one of ${ends}`);
  return times(count, (layer) => bytes.subarray(ends[layer - 1] ?? graphEnd, ends[layer]! - CHECKSUM_BYTES));
}

// A scope of its own: what outlives the opening does not hold on to the statistics of the graph's decoder.
function weightsOf(headers: readonly NamedHeader[], sections: readonly Uint8Array[]): OpenedFqz['weights'] {
  return function* (runs, watch) {
    const decoders = sections.map((section) => new RangeDecoder(section));
    watch?.(decoders);
    const [first, ...others] = decoders;
    const codes = runs(first!);
    const refinements = others.map(refinementsCode);
    for (const header of headers) yield weightNumbers(first!, codes, header, refinements);
    for (const decoder of decoders) decoder.finish();
  };
}

/** The version of a file; throws unless it begins like one. */
function checkStart(bytes: Uint8Array): number {
  if (!isFqz(bytes)) throw new FormatError('fqz', 'this is not a .fqz file, which begins with FQZ');
  if (bytes.length <= HEADER_BYTES + CHECKSUM_BYTES) throw cutOff(bytes);
  const version = bytes[MAGIC.length]!;
  if (version < FIRST_VERSION || version > NEWEST_VERSION) {
    throw new FormatError(
      'fqz',
      `the file is of version ${version}; this program reads up to version ${NEWEST_VERSION}`,
    );
  }
  return version;
}

const cutOff = ({ length }: Uint8Array) => new FormatError('fqz', `the file is cut off: ${length} bytes are too few`);

/** Where the graph section is, and `layerEnds`. */
function containerOf(bytes: Uint8Array) {
  let graphStart: number = HEADER_BYTES;
  const length = () => {
    const first = graphStart;
    let value = 0;
    for (let byte = 128, place = 1; byte > 127; place *= 128) {
      byte = bytes[graphStart++]!;
      value += (byte & 127) * place;
      atMost('bytes of a length', graphStart - first + (byte >> 7), 5);
    }
    return value;
  };
  const graphLength = length();
  const lengths = bytes[MAGIC.length] === FIRST_VERSION ? [] : times(atMost('layers', length(), MOST_LAYERS), length);
  if (graphStart > bytes.length) throw cutOff(bytes);
  const graphEnd = graphStart + graphLength;
  let end = graphEnd;
  const ends = lengths.map((own) => {
    end += own + CHECKSUM_BYTES;
    return end;
  });
  return { graphStart, graphEnd, ends };
}

function checkSum(bytes: Uint8Array): void {
  const end = bytes.length - CHECKSUM_BYTES;
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end, CHECKSUM_BYTES).getUint32(0, true);
  if (stored !== crc32(bytes.subarray(0, end))) {
    throw new FormatError('fqz', 'the file is damaged or cut off: its checksum does not match');
  }
}
