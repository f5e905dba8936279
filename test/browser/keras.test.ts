import { expect, it } from 'vitest';
import { FormatError, type KerasSource, readKeras } from '../../formats/keras/index.ts';
import { archive, archiveFiles, counted, DENSE, legacyFile } from '../formats/keras/keras-file.ts';

const ARRAYS = { 'layers/dense/vars/0': counted(3, 2), 'layers/dense/vars/1': counted(2) };

it.each<[string, () => Promise<KerasSource>]>([
  ['HDF5', () => legacyFile(DENSE, { dense: { 'kernel:0': counted(3, 2), 'bias:0': counted(2) } })],
  ['a .keras archive', () => archive(DENSE, ARRAYS)],
  ['its files', async () => new Map(Object.entries(await archiveFiles(DENSE, ARRAYS)))],
])('reads %s in a page', async (_, write) => {
  const { graph } = await readKeras(await write());
  expect(graph.nodes.map(({ op }) => op)).toEqual(['Gemm']);
  expect([...graph.initializers.values()].map(({ shape }) => shape)).toContainEqual([2, 3]);
});

it('refuses a file that is none', async () => {
  await expect(readKeras(new Uint8Array(100))).rejects.toThrow(FormatError);
});
