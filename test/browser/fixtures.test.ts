/// <reference types="vite/client" />
/**
 * The frozen files of the format in a page: fetched as a page fetches them, decoded to the numbers that stand beside them.
 */
import { describe, expect, inject, it } from 'vitest';
import { openFqz, plainRuns, readFqz } from '../../formats/fqz/read.ts';
import { writeFqz } from '../../formats/fqz/write.ts';
import { decodeFqz, type LoadOptions, load, type Operand, type StoredWeight } from '../../runtime/full.ts';
import { wasmMachine } from '../../runtime/machine.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { embeddedKernels } from '../../runtime/wasm/embedded.ts';
import { noise } from '../support/small-model.ts';
import { weightContents } from '../support/weight-contents.ts';

const urls = import.meta.glob<string>('../../fixtures/v*/*.fqz', { eager: true, query: '?url', import: 'default' });
const descriptions = import.meta.glob<{ weights: unknown[] }>('../../fixtures/v*/*.json', {
  eager: true,
  import: 'default',
});

async function fetched(path: string): Promise<Uint8Array> {
  const response = await fetch(urls[path]!);
  expect(response.ok).toBe(true);
  return new Uint8Array(await response.arrayBuffer());
}

/** The first 16 hexadecimal digits of SHA-256, as the descriptions have them. */
async function hash(parts: readonly Uint8Array[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await new Blob([...parts] as BlobPart[]).arrayBuffer());
  return Array.from(new Uint8Array(digest.slice(0, 8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function describeOperand(operand: Operand): Promise<string> {
  if (operand.kind === 'cosine') return `cosine (${operand.count}, ${operand.size})`;
  const numbers = operand.kind === 'float' ? operand.values : operand.levels;
  const chains =
    operand.kind === 'float' || operand.chainAxis === undefined ? '' : ` in chains along axis ${operand.chainAxis}`;
  const way = operand.kind === 'float' ? operand.precision : `levels of ${operand.step}${chains}`;
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return `${way} (${operand.shape.join(', ')}) ${await hash([bytes])}`;
}

async function describeWeight(weight: StoredWeight): Promise<unknown> {
  if ('tensor' in weight) {
    const { tensor, name } = weight;
    const elements = await hash(tensor.dtype === 'string' ? tensor.strings : [tensor.data]);
    return { name, dtype: tensor.dtype, shape: tensor.shape, elements };
  }
  const { name, dtype, shape, network } = weight;
  const operands = await Promise.all(network.operands.map(describeOperand));
  return { name, dtype, shape, expression: network.expression, of: network.shape, operands };
}

describe('frozen files', () => {
  it('are there', () => {
    expect(Object.keys(urls).length).toBeGreaterThan(8);
    expect(Object.keys(descriptions)).toHaveLength(Object.keys(urls).length);
  });

  it.each(Object.keys(urls))('%s is decoded bit for bit', async (path) => {
    const { weights } = decodeFqz(await fetched(path));
    const description = descriptions[path.replace(/fqz$/, 'json')]!;
    expect(await Promise.all([...weights.values()].map(describeWeight))).toEqual(description.weights);
  });

  it.each(Object.keys(urls))('%s is decoded alike by WebAssembly', async (path) => {
    const opened = openFqz(await fetched(path));
    const { runs } = await wasmMachine();
    expect([...opened.weights(runs)].map(weightContents)).toEqual([...opened.weights(plainRuns)].map(weightContents));
  });

  const rewritten = inject('rewritten');
  it.each(Object.keys(rewritten))('%s is written as in Node, bit for bit', async (name) => {
    const archive = readFqz(await fetched(`../../fixtures/${name}.fqz`));
    expect([...writeFqz(archive).bytes]).toEqual(rewritten[name]);
  });

  /** Shapes of the inputs, for files that this page runs: all but control flow, strings, and weights that no node uses. */
  const runnable = (path: string) => !/control-flow|networks|chains|layers/.test(path);
  const SHAPES: Readonly<Record<string, number[]>> = {
    'digits-cnn': [2, 1, 28, 28],
    'smooth-unet': [1, 1, 32, 32],
    shapes: [5, 2, 6],
  };

  it.each(Object.keys(urls).filter(runnable))('%s gives the same outputs on every engine', async (path) => {
    const bytes = await fetched(path);
    const { data, dims: shape } = noise(SHAPES[/([\w-]+)\.\w+\.fqz$/.exec(path)![1]!]!);
    const [name] = (await load(bytes)).inputs.map((input) => input.name);
    const inOnnxruntime = async (form: 'dense' | 'factored') => {
      const session = await createSession(bytes, { form });
      const outputs = await session.run({ [name!]: { data, dims: shape } });
      await session.release();
      return outputs;
    };
    const inRuntime = async (options: LoadOptions) => (await load(bytes, options)).run({ [name!]: { data, shape } });
    const plain = await WebAssembly.compile(embeddedKernels(false));
    const expected = await inOnnxruntime('dense');
    const others = await Promise.all([
      inOnnxruntime('factored'),
      inRuntime({ backend: 'js' }),
      inRuntime({ backend: 'wasm' }),
      inRuntime({ wasm: plain }),
    ]);
    for (const [output, { data: values }] of Object.entries(expected)) {
      const dense = values as Float32Array;
      const largest = dense.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeGreaterThan(0.01);
      for (const [engine, outputs] of others.entries()) {
        const own = outputs[output]!.data as Float32Array;
        const difference = dense.reduce((most, value, at) => Math.max(most, Math.abs(value - own[at]!)), 0);
        expect(difference / largest, `${output} of engine ${engine}`).toBeLessThan(1e-4);
      }
    }
  });
});
