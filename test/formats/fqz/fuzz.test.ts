import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../formats/fqz/crc32.ts';
import { RangeEncoder } from '../../../formats/fqz/range-encoder.ts';
import { readFqz } from '../../../formats/fqz/read.ts';
import { writeFqz } from '../../../formats/fqz/write.ts';
import { layersOf } from '../../../src/codec/layering.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { restoreOnnxGraph } from '../../../src/foreign-graph.ts';
import { elementCount } from '../../../src/graph/tensor.ts';
import { unpack } from '../../../src/unpack.ts';
import { withAllocationLimit } from '../../support/allocations.ts';
import { fixture } from '../../support/frozen-files.ts';
import { random } from '../../support/random.ts';

const FILES = [
  ...['v1/smooth-unet.quality', 'v1/smooth-unet.fp16', 'v1/networks', 'v1/shapes.quality', 'v1/shapes.lossless'],
  ...['v2/chains', 'v2/layers.2', 'v2/layers.4', 'v1/control-flow.quality', 'v1/control-flow.lossless'],
].map((name) => fixture(`${name}.fqz`));
const ARCHIVES = FILES.map(readFqz);
const CASES = 10_000;
const LARGEST_MEMORY = 64 * 2 ** 20;
/** A guard against endless loops, far above what any case takes. */
const LONGEST_MS = 10_000;
/** Networks of at most so many elements are rebuilt, too. */
const FEW_ELEMENTS = 1e5;

/** A file with one to four faults: changed, repeated, inserted and lost bytes, runs of one byte, a cut. */
function mutated(file: Uint8Array, uniform: () => number): Uint8Array {
  let bytes = [...file];
  const below = (limit: number) => Math.floor(limit * uniform());
  const faults = 1 + below(4);
  for (let fault = 0; fault < faults; fault++) {
    // Faults near the front reach the graph, which is where most of the structure is.
    const at = 4 + below(uniform() < 0.5 ? 60 : bytes.length - 4);
    const length = 1 + below(uniform() < 0.8 ? 8 : 300);
    const byte = [0, 255, below(256), 1 << below(8)][below(4)]!;
    switch (below(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = byte;
        break;
      case 2:
        bytes.fill(byte, at, at + length);
        break;
      case 3:
        bytes.splice(at, 0, ...new Array(length).fill(byte));
        break;
      case 4:
        bytes.splice(at, length);
        break;
      case 5:
        bytes.splice(at, length, ...bytes.slice(0, length).reverse());
        break;
      default:
        if (uniform() < 0.3) bytes = bytes.slice(0, at);
        else bytes.push(...new Array(8 * length).fill(byte));
    }
    while (bytes.length < 12) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** Makes the checksum right, so that the fault reaches the decoder. */
function withChecksum(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

/** Reads a file as far as its content allows within little memory; returns the error, or nothing. */
function attempt(bytes: Uint8Array): unknown {
  try {
    const archive = readFqz(bytes);
    if (archive.graph.kind === 'onnx') restoreOnnxGraph(archive.graph.deflated);
    const elements = archive.weights.reduce((sum, own) => sum + ('network' in own ? elementCount(own.shape) : 0), 0);
    if (elements <= FEW_ELEMENTS) unpack(archive);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** `attempt` within its bounds of memory and time; throws where it fails with anything but a documented error. */
function checkedAttempt(bytes: Uint8Array, trial: number): unknown {
  const [heap, start] = [getHeapStatistics().used_heap_size, performance.now()];
  const error = withAllocationLimit(LARGEST_MEMORY, () => attempt(bytes));
  const grown = getHeapStatistics().used_heap_size - heap;
  const expected = error === undefined || error instanceof FormatError || error instanceof UnsupportedError;
  const oneLine = !(error instanceof Error) || (!error.message.includes('\n') && error.message.length < 600);
  if (!expected || !oneLine || grown > LARGEST_MEMORY || performance.now() - start > LONGEST_MS) {
    throw new Error(`trial ${trial}: ${grown} bytes of heap, ${performance.now() - start} ms`, { cause: error });
  }
  return error;
}

/** Writes an archive with a coder that now and then codes the opposite bit, so that all but one symbol of the file make sense. */
function writtenWrong(trial: number, uniform: () => number): Uint8Array | undefined {
  const archive = ARCHIVES[trial % ARCHIVES.length]!;
  const rate = 10 ** (-1 - 3 * uniform());
  const { bit } = RangeEncoder.prototype;
  RangeEncoder.prototype.bit = function (contexts, at, value) {
    bit.call(this, contexts, at, uniform() < rate ? 1 - value : value);
    return value;
  };
  try {
    const layers = layersOf(archive.weights, 1 + (trial % 3), new Map());
    return writeFqz(archive, { keepNames: trial % 2 === 0, layers }).bytes;
  } catch {
    return undefined;
  } finally {
    RangeEncoder.prototype.bit = bit;
  }
}

describe('mutated .fqz files', () => {
  it.each([
    ['whose checksum gives them away', false],
    ['whose checksum is right', true],
  ])(
    '%s fail with the documented errors only, in little memory',
    (_, repaired) => {
      const uniform = random(repaired ? 2 : 1);
      let refused = 0;
      for (let trial = 0; trial < CASES / 2; trial++) {
        const bytes = mutated(FILES[trial % FILES.length]!, uniform);
        if (repaired) withChecksum(bytes);
        const error = checkedAttempt(bytes, trial);
        if (error !== undefined) refused++;
      }
      // A fault can hit what nothing depends on, such as the last bits of a section; without repair none gets through.
      expect(refused).toBeGreaterThan((repaired ? 0.8 : 0.999) * (CASES / 2));
    },
    120_000,
  );

  it('with wrong symbols fail with the documented errors only, in little memory', () => {
    const uniform = random(3);
    let [read, refused] = [0, 0];
    for (let trial = 0; trial < 2400; trial++) {
      const bytes = writtenWrong(trial, uniform);
      if (!bytes) continue;
      if (checkedAttempt(bytes, trial) === undefined) read++;
      else refused++;
    }
    expect(refused).toBeGreaterThan(100);
    expect(read).toBeGreaterThan(100);
  }, 120_000);
});
