/// <reference types="vite/client" />
/**
 * The frozen files of the format in a page: fetched as a page fetches them, decoded to the numbers that stand beside them.
 */
import { describe, expect, it } from 'vitest';
import { decodeFqz, type Operand, type StoredWeight } from '../../runtime/index.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { noise } from '../support/small-model.ts';

const urls = import.meta.glob<string>('../../fixtures/v1/*.fqz', { eager: true, query: '?url', import: 'default' });
const descriptions = import.meta.glob<{ weights: unknown[] }>('../../fixtures/v1/*.json', {
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
  const way = operand.kind === 'float' ? operand.precision : `levels of ${operand.step}`;
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

describe('frozen files of version 1', () => {
  it('are there', () => {
    expect(Object.keys(urls).length).toBeGreaterThan(8);
    expect(Object.keys(descriptions)).toHaveLength(Object.keys(urls).length);
  });

  it.each(Object.keys(urls))('%s is decoded bit for bit', async (path) => {
    const { weights } = decodeFqz(await fetched(path));
    const description = descriptions[path.replace(/fqz$/, 'json')]!;
    expect(await Promise.all([...weights.values()].map(describeWeight))).toEqual(description.weights);
  });

  it('run dense and factored to the same outputs', async () => {
    const bytes = await fetched('../../fixtures/v1/smooth-unet.fp16.fqz');
    const image = noise([1, 1, 32, 32]);
    const run = async (form: 'dense' | 'factored') => {
      const session = await createSession(bytes, { form });
      const { mask } = await session.run({ image });
      await session.release();
      return mask!.data as Float32Array;
    };
    const [dense, factored] = [await run('dense'), await run('factored')];
    const largest = dense.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeGreaterThan(0.1);
    dense.forEach((value, at) => {
      expect(Math.abs(value - factored[at]!)).toBeLessThan(1e-4 * largest);
    });
  });
});
