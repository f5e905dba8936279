/**
 * Where a `.keras` archive keeps its arrays: a tree of groups that follows the attributes of the Python objects, with
 * arrays numbered from 0 in each (`vars`). Keras writes it as HDF5, and can write it as NumPy's .npz.
 */
import type { Hdf5File } from './hdf5.ts';
import type { KerasArray } from './keras-model.ts';

/** A tree of groups; a path is the list of names that lead to a group. */
export interface WeightStore {
  /** Names of the groups in a group; none where it is not there. */
  children(path: readonly string[]): string[];
  /** The arrays of a group itself, in order. Throws `FormatError` where they are damaged. */
  arrays(path: readonly string[]): KerasArray[];
  /** The name of the layer whose group it is, where the version of Keras notes it down. */
  layerName(path: readonly string[]): string | undefined;
}

const ARRAYS = 'vars';

/** The store in the HDF5 file `model.weights.h5`. */
export function hdf5Store(file: Hdf5File): WeightStore {
  // Python on Windows once joined the names with backslashes, which HDF5 takes for one long name.
  const topLevel = file.children('/');
  const separator = topLevel.some((name) => name.includes('\\')) ? '\\' : '/';
  const location = (path: readonly string[]) => `/${path.join(separator)}`;
  const arraysOf = (path: readonly string[]) => (path.length === 0 ? `/${ARRAYS}` : `${location(path)}/${ARRAYS}`);
  return {
    children(path) {
      if (separator === '/' || path.length === 0) {
        const names = file.children(location(path)).map((name) => name.split('\\', 1)[0]!);
        return [...new Set(names)].filter((name) => name !== ARRAYS);
      }
      const start = `${path.join(separator)}${separator}`;
      const inside = topLevel.filter((name) => name.startsWith(start));
      return [...new Set(inside.map((name) => name.slice(start.length).split(separator, 1)[0]!))];
    },
    arrays(path) {
      const group = arraysOf(path);
      const names = file.children(group).sort((a, b) => Number(a) - Number(b));
      return names.map((name) => file.array(`${group}/${name}`));
    },
    layerName(path) {
      const group = arraysOf(path);
      return file.kind(group) === 'group' ? file.texts(group, 'name')?.[0] : undefined;
    },
  };
}
