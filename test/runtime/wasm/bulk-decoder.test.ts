/** The decoder in WebAssembly against the one in TypeScript, on sound and on damaged files. */
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32 } from '../../../formats/fqz/crc32.ts';
import { type BulkDecoder, bulkRuns, openFqz, plainRuns } from '../../../formats/fqz/read.ts';
import { writeFqz } from '../../../formats/fqz/write.ts';
import { hasRelaxedSimd, wasmKernels } from '../../../runtime/wasm/instantiate.ts';
import type { StoredWeight } from '../../../src/codec/archive.ts';
import { dctNetwork, plainNetwork } from '../../../src/codec/network.ts';
import { FormatError } from '../../../src/errors.ts';
import { emptyGraph, modelOf, node } from '../../../src/graph/graph.ts';
import { numericTensor } from '../../../src/graph/tensor.ts';
import { FROZEN, fixture } from '../../support/frozen-files.ts';
import { random } from '../../support/random.ts';
import { randomChains, randomUniform } from '../../support/random-levels.ts';
import { weightContents } from '../../support/weight-contents.ts';

/** The weights, or the error's class. Foreign errors are thrown on. */
function decoded(bytes: Uint8Array, bulk?: BulkDecoder): unknown {
  try {
    return [...openFqz(bytes).weights(bulk ? bulkRuns(bulk) : plainRuns)].map(weightContents);
  } catch (error) {
    if (error instanceof FormatError) return 'FormatError';
    throw error;
  }
}

function fileOf(weights: StoredWeight[]): Uint8Array {
  const graph = emptyGraph();
  graph.inputs = [{ name: 'x', type: { kind: 'tensor', dtype: 'float32' } }];
  graph.outputs = [{ name: 'y', type: { kind: 'tensor', dtype: 'float32' } }];
  graph.nodes = [node('Relu', ['x'], ['y'])];
  return writeFqz({ graph: { kind: 'compact', model: modelOf(graph, 21, 10) }, weights }).bytes;
}

function network(name: string, shape: number[], axes: number[], largest = 40, chainAxis?: number): StoredWeight {
  const seed = shape.length;
  const core =
    chainAxis === undefined ? randomUniform(shape, seed, largest) : randomChains(shape, axes, chainAxis, seed, largest);
  const own = axes.length > 0 ? dctNetwork(core, shape, axes) : plainNetwork(core);
  return { name, dtype: 'float32', shape, network: own };
}

const PATTERNS = [
  ['float32', Uint32Array],
  ['float16', Uint16Array],
  ['bfloat16', Uint16Array],
] as const;

function patternTensors(): StoredWeight[] {
  const uniform = random(9);
  return PATTERNS.flatMap(([dtype, ArrayType]) =>
    [1, 5000].map((count): StoredWeight => {
      const bits = 8 * ArrayType.BYTES_PER_ELEMENT;
      const special = [0, 2 ** (bits - 1), 1, 2 ** (bits - 1) + 3, 2 ** bits - 1];
      const words = new ArrayType(count);
      for (let at = 0; at < count; at++) {
        const isSpecial = uniform() < 0.1;
        words[at] = isSpecial ? special[Math.floor(uniform() * special.length)]! : Math.floor(uniform() * 2 ** bits);
      }
      return { name: `${dtype} ${count}`, tensor: numericTensor(dtype, [count], new Uint8Array(words.buffer)) };
    }),
  );
}

const SHAPES: [string, StoredWeight[]][] = [
  ['rows longer than a chunk', [network('a', [3, 2500], []), network('b', [1030], []), network('c', [2, 2, 1024], [])]],
  [
    'frequency axes before, between and behind',
    [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2]].map((axes, at) => network(`${at}`, [5, 6, 7], axes)),
  ],
  ['many axes', [network('a', [2, 3, 1, 2, 3, 2, 2, 1], [1, 4, 6]), network('b', [2, 2, 2, 2, 2, 2], [])]],
  ['scalars and single entries', [network('a', [], []), network('b', [1, 1], [0, 1]), network('c', [1], [])]],
  ['the largest levels', [network('a', [40, 50], [], 2 ** 22), network('b', [20, 30], [0, 1], 2 ** 22)]],
  [
    'chains along any axis',
    [
      network('a', [5, 6, 3, 3], [2, 3], 40, 0),
      network('b', [5, 6, 7], [], 40, 1),
      network('c', [4, 5, 6], [0], 40, 2),
      network('d', [9], [], 40, 0),
      network('e', [30, 4, 5], [1, 2], 2, 0),
    ],
  ],
  [
    'chains of one number, one chain, and long ones',
    [network('a', [7, 1], [], 9, 0), network('b', [1, 2500], [], 40, 0), network('c', [3, 2, 1100], [], 40, 0)],
  ],
  ['the largest numbers in chains', [network('a', [40, 50], [], 2 ** 22, 0), network('b', [20, 30], [1], 2 ** 22, 0)]],
  ['chains and levels in turn', [network('a', [8, 9], [0]), network('b', [8, 9], [], 9, 0), network('c', [8, 9], [1])]],
  ['float patterns', patternTensors()],
  ['everything in turn', [network('a', [8, 9], [0]), ...patternTensors(), network('b', [8, 9], [1])]],
];

describe.each([false, ...(hasRelaxedSimd() ? [true] : [])])('the bulk decoder, relaxed SIMD: %s', (relaxed) => {
  let decoder: () => BulkDecoder;
  beforeAll(async () => {
    ({ decoder } = await wasmKernels(new WebAssembly.Memory({ initial: 1 }), { relaxed }));
  });

  it.each(FROZEN)('reads the numbers of %s.fqz', (name) => {
    const bytes = fixture(`${name}.fqz`);
    expect(decoded(bytes, decoder())).toEqual(decoded(bytes));
  });

  it.each(SHAPES)('reads %s', (_, weights) => {
    const bytes = fileOf(weights);
    const found = decoded(bytes, decoder());
    expect(found).toHaveLength(weights.length);
    expect(found).toEqual(decoded(bytes));
  });

  it('finds in damaged files what the plain decoder finds', () => {
    const uniform = random(3);
    const files = ['v1/networks', 'v1/shapes.quality', 'v1/shapes.fp16', 'v2/chains'].map((name) =>
      fixture(`${name}.fqz`),
    );
    let refused = 0;
    for (let trial = 0; trial < 240; trial++) {
      const bytes = files[trial % files.length]!.slice();
      const { graphBytes, weightBytes } = openFqz(bytes);
      const cut = uniform() < 0.5 ? Math.floor(uniform() * Math.min(weightBytes, 40)) : 0;
      const shorter = bytes.slice(0, bytes.length - cut);
      for (let fault = 0; fault < 3; fault++) {
        const at = graphBytes - 4 + Math.floor(uniform() * (weightBytes - cut));
        shorter[at] = uniform() < 0.3 ? 0 : Math.floor(uniform() * 256);
      }
      new DataView(shorter.buffer).setUint32(shorter.length - 4, crc32(shorter.subarray(0, -4)), true);
      const expected = decoded(shorter);
      if (expected === 'FormatError') refused++;
      expect(decoded(shorter, decoder()), `trial ${trial}`).toEqual(expected);
    }
    expect(refused).toBeGreaterThan(20);
  });
});
