import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../formats/fqz/crc32.ts';
import { RangeDecoder } from '../../../formats/fqz/range-decoder.ts';
import { RangeEncoder } from '../../../formats/fqz/range-encoder.ts';
import { layerEnds, readFqz } from '../../../formats/fqz/read.ts';
import { refinementsCode } from '../../../formats/fqz/refinements-code.ts';
import { int } from '../../../formats/fqz/symbols.ts';
import { type WriteOptions, writeFqz } from '../../../formats/fqz/write.ts';
import type { Archive, Layer, Refinement } from '../../../src/codec/archive.ts';
import { indexOf, multipleOf, nextState, quantizerOf } from '../../../src/codec/dependent.ts';
import { dctNetwork, type Operand, plainNetwork, type QuantizedOperand } from '../../../src/codec/network.ts';
import { forEachInZigzag } from '../../../src/codec/zigzag.ts';
import { FormatError } from '../../../src/errors.ts';
import { emptyGraph, modelOf, node } from '../../../src/graph/graph.ts';
import { float32Tensor } from '../../../src/graph/tensor.ts';
import { random } from '../../support/random.ts';
import { expectRefusedWhenCut, refusal } from '../../support/refusal.ts';

const uniform = random(7);
const noise = () => uniform() + uniform() + uniform() + uniform() - 2;

function quantized(shape: readonly number[], step: number, spread: number): QuantizedOperand {
  const count = shape.reduce((product, size) => product * size, 1);
  return {
    kind: 'quantized',
    shape,
    step,
    levels: Int32Array.from({ length: count }, () => Math.round(spread * noise())),
  };
}

/** The same as chains along `chainAxis`: each number the nearest that its quantiser has. */
function chained(operand: QuantizedOperand, chainAxis: number, frequencyAxes: readonly number[]): QuantizedOperand {
  const { shape, levels } = operand;
  const multiples = new Int32Array(levels.length);
  const states = new Int32Array(shape[chainAxis]!);
  const count = frequencyAxes.reduce((product, axis) => product * shape[axis]!, 1);
  forEachInZigzag(shape, frequencyAxes, count, (offset, index) => {
    const chain = index[chainAxis]!;
    const quantizer = quantizerOf(states[chain]!);
    const level = levels[offset]!;
    const own = Math.round((level + quantizer * Math.sign(level)) / 2);
    multiples[offset] = multipleOf(quantizer, own);
    states[chain] = nextState(states[chain]!, indexOf(quantizer, multiples[offset]!));
  });
  return { ...operand, levels: multiples, chainAxis };
}

const dense = quantized([6, 40], 2 ** -4, 9);
const bias = quantized([40], 2 ** -9, 300);
const windows = quantized([5, 4, 3, 2], 0.0625, 20);
const chains = chained(quantized([7, 5, 3, 3], 2 ** -5, 16), 0, [2, 3]);
const exact = float32Tensor([3], Float32Array.of(1, 2.5, -3));

const graph = emptyGraph('layers');
graph.inputs = [{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [3] } }];
graph.outputs = [{ name: 'y', type: { kind: 'tensor', dtype: 'float32', shape: [3] } }];
graph.nodes = [node('Relu', ['x'], ['y'])];
const ARCHIVE: Archive = {
  graph: { kind: 'compact', model: modelOf(graph, 21) },
  weights: [
    { name: 'dense', dtype: 'float32', shape: [6, 40], network: plainNetwork(dense) },
    { name: 'bias', dtype: 'float32', shape: [40], network: plainNetwork(bias) },
    { name: 'exact', tensor: exact },
    { name: 'windows', dtype: 'float32', shape: [5, 4, 3, 3], network: dctNetwork(windows, [5, 4, 3, 3], [2, 3]) },
    { name: 'chains', dtype: 'float32', shape: [7, 5, 3, 3], network: dctNetwork(chains, [7, 5, 3, 3], [2, 3]) },
  ],
};

const coarser = (levels: Int32Array, factor: number) => levels.map((level) => Math.round(level / factor));
/** Levels that have little to do with those that follow. */
const arbitrary = (levels: Int32Array) => levels.map(() => Math.round(5 * noise()));
const half = coarser(dense.levels, 2);
const LAYERS: Layer[] = [
  new Map<Operand, Refinement>([
    [dense, { factor: 3, before: coarser(half, 3) }],
    [windows, { factor: 255, before: coarser(windows.levels, 255) }],
  ]),
  new Map<Operand, Refinement>([
    [bias, { factor: 1, before: arbitrary(bias.levels) }],
    [chains, { factor: 6, before: coarser(chains.levels, 6) }],
  ]),
  new Map<Operand, Refinement>([[dense, { factor: 2, before: half }]]),
];
const OPTIONS: WriteOptions = { layers: LAYERS, keepNames: true };
const whole = writeFqz(ARCHIVE, OPTIONS).bytes;
const ENDS = layerEnds(whole);

const operandOf = (archive: Archive, name: string): Operand => {
  const weight = archive.weights.find((own) => own.name === name)!;
  if ('tensor' in weight) throw new Error(`${name} is exact`);
  return weight.network.operands[0]!;
};

describe('a file with layers', () => {
  it('is as if it were in one piece when all layers are there', () => {
    const inOnePiece = readFqz(writeFqz(ARCHIVE, { keepNames: true }).bytes);
    const layered = readFqz(whole);
    expect(layered.weights).toEqual(inOnePiece.weights);
    expect(inOnePiece.layerEnds).toEqual([]);
    expect(layered.layerEnds).toEqual(ENDS);
    expect(ENDS.at(-1)).toBe(whole.length);
    expect(ENDS).toHaveLength(4);
  });

  it('is a file of its own wherever a layer ends', () => {
    const [first, second, third] = ENDS.map((end) => readFqz(whole.subarray(0, end)));
    expect(operandOf(first!, 'dense')).toEqual({
      ...dense,
      levels: LAYERS[0]!.get(dense)!.before,
      step: 6 * dense.step,
    });
    expect(operandOf(second!, 'dense')).toEqual({ ...dense, levels: half, step: 2 * dense.step });
    expect(operandOf(third!, 'dense')).toEqual({ ...dense, levels: half, step: 2 * dense.step });
    expect(operandOf(first!, 'bias')).toEqual({ ...bias, levels: LAYERS[1]!.get(bias)!.before });
    expect(operandOf(third!, 'bias')).toEqual(bias);
    expect(operandOf(first!, 'windows')).toEqual({
      ...windows,
      levels: LAYERS[0]!.get(windows)!.before,
      step: 255 * windows.step,
    });
    const { chainAxis: _, ...uniformChains } = chains;
    expect(operandOf(second!, 'chains')).toEqual({
      ...uniformChains,
      levels: LAYERS[1]!.get(chains)!.before,
      step: 6 * chains.step,
    });
    expect(operandOf(third!, 'chains')).toEqual(chains);
    for (const archive of [first!, second!, third!]) {
      expect(archive.layerEnds).toEqual(ENDS);
      expect(archive.weights.find(({ name }) => name === 'exact')).toEqual({ name: 'exact', tensor: exact });
    }
  });

  it('tells where its bytes are', () => {
    for (const end of ENDS) {
      const { graphBytes, weightBytes, bytesOf } = readFqz(whole.subarray(0, end));
      expect(graphBytes + weightBytes).toBe(end);
      expect([...bytesOf.values()].reduce((sum, own) => sum + own, 0)).toBeCloseTo(weightBytes, 6);
    }
  });

  it('tells its layers by its first bytes', () => {
    expect(layerEnds(whole.subarray(0, 16))).toEqual(ENDS);
    expect(() => layerEnds(whole.subarray(0, 9))).toThrow(
      new FormatError('fqz', 'the file is cut off: 9 bytes are too few'),
    );
    expect(() => layerEnds(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))).toThrow('this is not a .fqz file');
  });

  it('is refused when it ends anywhere else', () => {
    expectRefusedWhenCut(whole, ENDS);
  });

  it('is refused when a bit of any layer is flipped', () => {
    for (let at = 4; at < whole.length; at++) {
      const bytes = whole.slice();
      bytes[at]! ^= 1 << ((at * 5) % 8);
      expect(refusal(bytes), `byte ${at}`).toEqual(
        new FormatError('fqz', 'the file is damaged or cut off: its checksum does not match'),
      );
    }
  });

  it('is refused with impossible layers, also where the checksum is right', () => {
    const graphLengthBytes = 1 + whole.subarray(4).findIndex((byte) => byte < 128);
    const count = 4 + graphLengthBytes;
    const cases: [string, (bytes: Uint8Array) => void][] = [
      [`layers: 9, expected at most 8`, (bytes) => bytes.fill(9, count, count + 1)],
      [`${whole.length} bytes, expected one of`, (bytes) => bytes.fill(bytes[count + 1]! ^ 1, count + 1, count + 2)],
    ];
    for (const [problem, change] of cases) {
      const bytes = whole.slice();
      change(bytes);
      new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
      const error = refusal(bytes);
      expect(error).toBeInstanceOf(FormatError);
      expect((error as Error).message).toContain(problem);
    }
  });

  it('is refused when it ends within a layer whose checksum is right', () => {
    for (const length of [ENDS[0]! + 8, ENDS[2]! + 30, whole.length - 1]) {
      const bytes = whole.slice(0, length);
      new DataView(bytes.buffer).setUint32(length - 4, crc32(bytes.subarray(0, -4)), true);
      expect((refusal(bytes) as Error).message).toContain(`${length} bytes, expected one of ${ENDS}`);
    }
  });

  it('cannot have levels beyond those of a file in one piece', () => {
    const layout = { shape: [1], frequencyAxes: [], frequencies: 1 };
    const decode = (change: number, level: number, factor: number) => {
      const encoder = new RangeEncoder([2 * change]);
      int(encoder, 'refinement', level === 0 ? 0 : level % 2 === 1 ? 48 : 96, 144);
      const levels = Int32Array.of(level);
      refinementsCode(new RangeDecoder(encoder.finish()))(layout, levels, factor);
      return levels[0];
    };
    expect(decode(2 ** 24 - 1, 0, 255)).toBe(2 ** 24 - 1);
    expect(() => decode(2 ** 24, 0, 1)).toThrow(FormatError);
    expect(decode(0, 65793, 255)).toBe(2 ** 24 - 1);
    expect(() => decode(1, 65793, 255)).toThrow('a coefficient: 16777216, expected at most 16777215');
    expect(() => decode(2 ** 29, 2 ** 24 - 1, 255)).toThrow(FormatError);
  });
});

describe('the writer', () => {
  it('refuses layers that do not fit', () => {
    const write = (layers: Layer[]) => writeFqz(ARCHIVE, { layers });
    const odd = multiplesOff(chains.levels);
    const broken = { ...chains, levels: odd };
    const network = dctNetwork(broken, [7, 5, 3, 3], [2, 3]);
    const archive = {
      ...ARCHIVE,
      weights: [{ name: 'chains', dtype: 'float32' as const, shape: [7, 5, 3, 3], network }],
    };
    const layers = [new Map<Operand, Refinement>([[broken, { factor: 6, before: coarser(odd, 6) }]])];
    expect(() => writeFqz(archive, { layers })).toThrow(TypeError);
    expect(() => write(new Array<Layer>(8).fill(new Map()))).toThrow(RangeError);
    expect(() => write([new Map([[dense, { factor: 256, before: dense.levels }]])])).toThrow(RangeError);
  });
});

/** Multiples whose first is of the other quantiser. */
function multiplesOff(multiples: Int32Array): Int32Array {
  return multiples.map((multiple, at) => (at === 0 ? 2 * multiple + 1 : multiple));
}
