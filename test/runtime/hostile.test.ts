/**
 * Files that are whole and sound as far as the format goes, and yet ask for what no machine has: refused, at once and
 * before memory is taken.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { writeFqz } from '../../formats/fqz/write.ts';
import { FormatError, LOAD_DEFAULTS, load, UnsupportedError } from '../../runtime/full.ts';
import type { StoredWeight } from '../../src/codec/archive.ts';
import { dctNetwork } from '../../src/codec/network.ts';
import { type Attribute, type Dim, type Model, node } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { limitAllocations, TooMuchMemory } from '../support/allocations.ts';
import { buildModel } from '../support/run-model.ts';

const MOST_BYTES = 64 * 2 ** 20;
/** Far longer than a refusal takes, far shorter than doing what the file asks. */
const MILLISECONDS = 3000;

let endLimit = () => {};
afterEach(() => endLimit());

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const weightsOf = (initializers: Record<string, Tensor>): StoredWeight[] =>
  Object.entries(initializers).map(([name, tensor]) => ({ name, tensor }));

/** A file with this graph. Inputs are (2, 3) unless given. */
function file(
  nodes: ReturnType<typeof node>[],
  initializers: Record<string, Tensor> = {},
  inputs: Record<string, Dim[]> = { x: [2, 3] },
  weights: StoredWeight[] = weightsOf(initializers),
): Uint8Array {
  const model: Model = buildModel(21, inputs, nodes, ['y']);
  for (const output of model.graph.outputs) output.type = { kind: 'tensor', dtype: 'float32' };
  return writeFqz({ graph: { kind: 'compact', model }, weights }).bytes;
}

/** What loading and running the file on zeros is refused with. */
async function refusal(bytes: Uint8Array, feeds: readonly number[] = [2, 3], maxMemory = MOST_BYTES): Promise<unknown> {
  const start = performance.now();
  endLimit = limitAllocations(2 * MOST_BYTES);
  try {
    const session = await load(bytes, { backend: 'js', maxMemory });
    const count = feeds.reduce((product, size) => product * size, 1);
    await session.run({ x: { data: new Float32Array(count), shape: feeds } });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    endLimit();
    expect(performance.now() - start).toBeLessThan(MILLISECONDS);
  }
}

async function expectRefusal(bytes: Uint8Array, ...rest: [(readonly number[])?, number?]): Promise<void> {
  const error = await refusal(bytes, ...rest);
  expect(error).not.toBeInstanceOf(TooMuchMemory);
  const isKnown = error instanceof RangeError || error instanceof UnsupportedError || error instanceof FormatError;
  expect(isKnown, `${error} ${(error as Error)?.stack}`).toBe(true);
  expect((error as Error).message).toMatch(/^[^\n]{10,200}$/);
}

const HUGE = 2 ** 20;

describe('weights', () => {
  const network = (shape: number[]) => {
    const core = {
      kind: 'float',
      shape: shape.map(() => 1),
      values: Float32Array.of(1),
      precision: 'float32',
    } as const;
    return dctNetwork(
      core,
      shape,
      shape.map((_, axis) => axis),
    );
  };
  // A product with few frequencies is taken factor by factor, unless the other matrix is transposed.
  const multiply = (w: string, y: string) => node('Gemm', ['x', w], [y], { transA: int(1) });
  const promising = (shape: number[]) =>
    file([multiply('w', 'y')], {}, { x: [shape[0]!, 2] }, [
      { name: 'w', dtype: 'float32', shape, network: network(shape) },
    ]);

  it('2^40 of them, promised by a valid file of some kilobytes', async () => {
    // The format has no tensor of more than 2^31 elements, but any number of them.
    const shape = [2 ** 15 - 1, 2 ** 16];
    const names = Array.from({ length: 512 }, (_, at) => `w${at}`);
    const nodes = names.map((name) => multiply(name, `y${name}`));
    const weights = names.map((name) => ({ name, dtype: 'float32', shape, network: network(shape) }) as const);
    const sum = node(
      'Sum',
      names.map((name) => `y${name}`),
      ['y'],
    );
    const bytes = file([...nodes, sum], {}, { x: [shape[0]!, 2] }, weights);
    expect(bytes.length).toBeLessThan(10_000);
    await expectRefusal(bytes, [shape[0]!, 2]);
    await expectRefusal(bytes, [shape[0]!, 2], LOAD_DEFAULTS.maxMemory);
  });

  it('2^30 of them, which the format allows and maxMemory does not', async () => {
    await expectRefusal(promising([HUGE / 16, 2 ** 14]), [HUGE / 16, 2]);
  });
});

describe('cycles', () => {
  it.each([
    ['a node that reads itself', [node('Add', ['x', 'y'], ['y'])]],
    ['two nodes that read each other', [node('Add', ['x', 'y'], ['a']), node('Relu', ['a'], ['y'])]],
    ['a value that nobody makes', [node('Add', ['x', 'nothing'], ['y'])]],
  ])('%s', (_, nodes) => {
    // The format refers back only: what cannot be written cannot be read.
    expect(() => file(nodes)).toThrow(FormatError);
  });
});

describe('shapes', () => {
  const shape = int64Tensor([HUGE, HUGE, HUGE]);
  const cases: [string, ReturnType<typeof node>[], Record<string, Tensor>?, Record<string, Dim[]>?][] = [
    ['Expand', [node('Expand', ['x', 's'], ['y'])], { s: int64Tensor([HUGE, HUGE, 2, 3]) }],
    [
      'Expand past every count',
      [node('Expand', ['x', 's'], ['y'])],
      { s: int64Tensor([2 ** 31, 2 ** 31, 2 ** 31, 2, 3]) },
    ],
    ['ConstantOfShape', [node('ConstantOfShape', ['s'], ['c']), node('Add', ['x', 'c'], ['y'])], { s: shape }],
    ['Reshape', [node('Reshape', ['x', 's'], ['y'])], { s: shape }],
    ['Reshape of two unknowns', [node('Reshape', ['x', 's'], ['y'])], { s: int64Tensor([-1, -1]) }],
    ['Tile', [node('Tile', ['x', 's'], ['y'])], { s: int64Tensor([HUGE, HUGE]) }],
    ['Pad', [node('Pad', ['x', 's'], ['y'])], { s: int64Tensor([0, 2 ** 40, 0, 2 ** 40]) }],
    [
      'Pad with the largest integers',
      [node('Pad', ['x', 's'], ['y'])],
      { s: int64Tensor([0, 0, 2 ** 53 - 1, 2 ** 53 - 1]) },
    ],
    [
      'Range',
      [
        node('Range', ['a', 'b', 'c'], ['r']),
        node('Cast', ['r'], ['f'], { to: { type: 'int', value: 1 } }),
        node('Add', ['f', 'f'], ['y']),
      ],
      { a: int64Tensor([0], []), b: int64Tensor([2 ** 50], []), c: int64Tensor([1], []) },
    ],
    ['Resize', [node('Resize', ['x', '', 's'], ['y'])], { s: float32Tensor([2], Float32Array.of(1e9, 1e9)) }],
    [
      'Resize to NaN',
      [node('Resize', ['x', '', 's'], ['y'])],
      { s: float32Tensor([2], Float32Array.of(Number.NaN, 1)) },
    ],
    ['Transpose by a wrong permutation', [node('Transpose', ['x'], ['y'], { perm: ints(5, 0) })]],
    [
      'MaxPool of a huge window',
      [node('MaxPool', ['x'], ['y'], { kernel_shape: ints(2 ** 29), pads: ints(2 ** 29, 2 ** 29) })],
      {},
      { x: [1, 1, 6] },
    ],
    [
      'Conv with a huge padding',
      [node('Conv', ['x', 'w'], ['y'], { pads: ints(2 ** 29, 2 ** 29) })],
      { w: float32Tensor([1, 1, 3], new Float32Array(3)) },
      { x: [1, 1, 6] },
    ],
    [
      'ConvTranspose with a huge stride',
      [node('ConvTranspose', ['x', 'w'], ['y'], { strides: ints(2 ** 29) })],
      { w: float32Tensor([1, 1, 3], new Float32Array(3)) },
      { x: [1, 1, 6] },
    ],
    [
      'Conv with a stride of zero',
      [node('Conv', ['x', 'w'], ['y'], { strides: ints(0) })],
      { w: float32Tensor([1, 1, 3], new Float32Array(3)) },
      { x: [1, 1, 6] },
    ],
    ['Split into what it has not', [node('Split', ['x', 's'], ['y', 'z'])], { s: int64Tensor([2 ** 40, -(2 ** 40)]) }],
    [
      'Slice by a step of zero',
      [node('Slice', ['x', 's', 'e', 'a', 'p'], ['y'])],
      { s: int64Tensor([0]), e: int64Tensor([2]), a: int64Tensor([0]), p: int64Tensor([0]) },
    ],
  ];

  it.each(cases)('%s', async (_, nodes, initializers = {}, inputs = undefined) => {
    await expectRefusal(file(nodes, initializers, inputs), (inputs?.x as number[]) ?? [2, 3]);
  });

  it('an input of a fixed size that no memory holds', async () => {
    const bytes = file([node('Relu', ['x'], ['y'])], {}, { x: [HUGE, HUGE, HUGE, HUGE] });
    endLimit = limitAllocations(2 * MOST_BYTES);
    await expect(load(bytes, { backend: 'js' })).rejects.toThrow(RangeError);
  });

  it('a doubling that goes on and on', async () => {
    const nodes = Array.from({ length: 60 }, (_, at) =>
      node('Concat', [at === 0 ? 'x' : `c${at}`, at === 0 ? 'x' : `c${at}`], [at === 59 ? 'y' : `c${at + 1}`], {
        axis: { type: 'int', value: 0 },
      }),
    );
    await expectRefusal(file(nodes));
  });

  it('a value that is used twice, a hundred times in a row, takes no exponential time', async () => {
    const nodes = Array.from({ length: 100 }, (_, at) => {
      const from = at === 0 ? 'x' : `c${at}`;
      return node(at % 3 === 0 ? 'Mul' : 'Add', [from, from], [at === 99 ? 'y' : `c${at + 1}`]);
    });
    expect(await refusal(file(nodes))).toBeUndefined();
  });
});
