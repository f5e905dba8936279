/**
 * The range coder against information theory: a section of a file is as long as the sum of −log2 p over its decisions, with the
 * probabilities that the adaptive contexts hold, in floating point.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Contexts } from '../../../formats/fqz/bit-coder.ts';
import { RangeDecoder } from '../../../formats/fqz/range-decoder.ts';
import { readFqz } from '../../../formats/fqz/read.ts';
import { writeFqz } from '../../../formats/fqz/write.ts';
import { multipleOf, nextState, quantizerOf } from '../../../src/codec/dependent.ts';
import { plainNetwork, type QuantizedOperand } from '../../../src/codec/network.ts';
import { emptyGraph, modelOf, node } from '../../../src/graph/graph.ts';
import { FROZEN, fixture } from '../../support/frozen-files.ts';
import { random } from '../../support/random.ts';

/** Bits that each section should take, by its decoder. */
let ideal: Map<RangeDecoder, number>;

/** An unused context of 0 stands for one half; else the probability of a 1 in 1/65536 is above eight bits that count. */
const probabilityOfOne = (context: number) => (context === 0 ? 0.5 : (context >> 8) / 65536);

beforeEach(() => {
  ideal = new Map();
  const { bit, direct } = RangeDecoder.prototype;
  const spend = (decoder: RangeDecoder, bits: number) => ideal.set(decoder, (ideal.get(decoder) ?? 0) + bits);
  vi.spyOn(RangeDecoder.prototype, 'bit').mockImplementation(function (this: RangeDecoder, contexts: Contexts, at) {
    const one = probabilityOfOne(contexts[at]!);
    const value = bit.call(this, contexts, at);
    spend(this, -Math.log2(value ? one : 1 - one));
    return value;
  });
  vi.spyOn(RangeDecoder.prototype, 'direct').mockImplementation(function (this: RangeDecoder, width) {
    spend(this, width);
    return direct.call(this, width);
  });
});
afterEach(() => vi.restoreAllMocks());

/** Bytes of each section of a file and those that it should take, in the order of the file. */
function lengths(file: Uint8Array): { bytes: number; ideal: number }[] {
  readFqz(file);
  return [...ideal].map(([decoder, bits]) => ({ bytes: decoder.bytes.length, ideal: bits / 8 }));
}

/** Numbers that fall off geometrically to both sides of zero, of about this mean magnitude. */
function geometric(count: number, mean: number): Int32Array {
  const uniform = random(7);
  const ratio = Math.log(mean / (mean + 1));
  return Int32Array.from({ length: count }, () => {
    const magnitude = Math.floor(Math.log(1 - uniform()) / ratio);
    return uniform() < 0.5 ? -magnitude : magnitude;
  });
}

/** A file of nothing but these levels. */
function fileOf(operand: QuantizedOperand): Uint8Array {
  const port = (name: string) => ({ name, type: { kind: 'tensor' as const, dtype: 'float32' as const } });
  const nodes = [node('MatMul', ['x', 'w'], ['y'])];
  const model = modelOf({ ...emptyGraph(), inputs: [port('x')], outputs: [port('y')], nodes }, 21, 10);
  const { shape } = operand;
  const weights = [{ name: 'w', dtype: 'float32' as const, shape, network: plainNetwork(operand) }];
  return writeFqz({ graph: { kind: 'compact', model }, weights }).bytes;
}

const SHAPE = [80, 250];
const COUNT = 20_000;

describe('code length', () => {
  it.each([0.02, 0.3, 2, 60])('levels of mean magnitude %d take what their probabilities say', (mean) => {
    const levels = geometric(COUNT, mean);
    const [, numbers] = lengths(fileOf({ kind: 'quantized', shape: SHAPE, levels, step: 1 }));
    expect(numbers!.bytes / numbers!.ideal).toBeGreaterThan(0.999);
    expect(numbers!.bytes / numbers!.ideal).toBeLessThan(1.01);
    // That these are the probabilities of the levels at all: the entropy of the source is near.
    const entropy = (mean + 1) * Math.log2(mean + 1) - mean * Math.log2(mean) + mean / (mean + 1);
    expect(numbers!.ideal / ((COUNT * entropy) / 8)).toBeGreaterThan(0.95);
    expect(numbers!.ideal / ((COUNT * entropy) / 8)).toBeLessThan(1.1);
  });

  it.each([0.02, 0.3, 2, 60])('chains of mean index %d do so as well', (mean) => {
    const indices = geometric(COUNT, mean);
    let state = 0;
    const levels = indices.map((index, at) => {
      if (at % SHAPE[1]! === 0) state = 0;
      const multiple = multipleOf(quantizerOf(state), index);
      state = nextState(state, index);
      return multiple;
    });
    const [, numbers] = lengths(fileOf({ kind: 'quantized', shape: SHAPE, levels, step: 1, chainAxis: 0 }));
    expect(numbers!.bytes / numbers!.ideal).toBeGreaterThan(0.999);
    expect(numbers!.bytes / numbers!.ideal).toBeLessThan(1.01);
  });

  it.each(FROZEN)('every section of %s.fqz is within 1 % and two bytes of it', (name) => {
    const sections = lengths(fixture(`${name}.fqz`));
    expect(sections.length).toBeGreaterThanOrEqual(2);
    for (const { bytes, ideal: expected } of sections) {
      expect(Math.abs(bytes - expected)).toBeLessThanOrEqual(0.01 * expected + 2);
    }
  });
});
