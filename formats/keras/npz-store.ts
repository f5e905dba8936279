/**
 * The store in the file `model.weights.npz`: a zip archive with an entry for each group, which is an array of Python
 * objects with one element, a dictionary of arrays.
 */
import { FormatError } from '../../src/errors.ts';
import { unpickleArrays } from './numpy-pickle.ts';
import type { WeightStore } from './weight-store.ts';
import { unzip } from './zip.ts';

/** The name of the root's entry, which has no path. */
const ROOT = '__root__';

const END = '.npy';

/** Throws `FormatError` where `bytes` are no sound zip archive. */
export function npzStore(bytes: Uint8Array): WeightStore {
  const entries = unzip(bytes, 'model.weights.npz', (name) => name.endsWith(END));
  const names = [...entries.keys()].map((name) => name.slice(0, -END.length));
  return {
    children(path) {
      const start = path.map((name) => `${name}/`).join('');
      const inside = names.filter((name) => name.startsWith(start) && name !== ROOT);
      return [...new Set(inside.map((name) => name.slice(start.length).split('/', 1)[0]!))];
    },
    arrays(path) {
      const name = path.join('/') || ROOT;
      const entry = entries.get(`${name}${END}`);
      if (!entry) return [];
      const arrays = [...unpickleArrays(pickleIn(entry, name), `model.weights.npz: ${name}`)];
      return arrays.sort(([a], [b]) => Number(a) - Number(b)).map(([, array]) => array);
    },
    layerName: () => undefined,
  };
}

/** What follows the header of an .npy array of objects. */
function pickleIn(entry: Uint8Array, name: string): Uint8Array {
  const end = entry.indexOf('\n'.charCodeAt(0)) + 1;
  const header = new TextDecoder().decode(entry.subarray(0, end));
  if (/NUMPY[\s\S]*'descr':\s*'\|O'/.test(header)) return entry.subarray(end);
  throw new FormatError('Keras', `model.weights.npz: ${name} is no array of objects`);
}
