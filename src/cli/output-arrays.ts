/**
 * Outputs of a model as NumPy files: one .npy, an .npz of all, or a folder with an .npy each.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeNpy } from '../data/npy.ts';
import { writeNpz } from '../data/npz.ts';
import type { Tensor } from '../graph/tensor.ts';
import { prepareOutput } from './output-file.ts';

/** Somewhere that outputs can be written to, as far as can be known beforehand. */
export interface OutputArrays {
  write(outputs: ReadonlyMap<string, Tensor>): void;
}

/**
 * Checks that outputs of these names can be written to `path`, before long work starts: an archive where it ends in
 * .npz, a folder where it is one or ends in a slash, else a single array. Throws `TypeError` for several outputs to one
 * array, and as `prepareOutput` does.
 */
export function prepareOutputArrays(path: string, names: readonly string[], inputs: readonly string[]): OutputArrays {
  if (path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    mkdirSync(path, { recursive: true });
    const files = fileNames(names).map((name) => prepareOutput(join(path, `${name}.npy`), inputs));
    return {
      write(outputs) {
        for (const [at, name] of names.entries()) files[at]!.write(writeNpy(outputs.get(name)!));
      },
    };
  }
  const file = prepareOutput(path, inputs);
  if (path.endsWith('.npz')) {
    const entries = fileNames(names);
    const renamed = (outputs: ReadonlyMap<string, Tensor>) =>
      new Map(names.map((name, at) => [entries[at]!, outputs.get(name)!]));
    return { write: (outputs) => file.write(writeNpz(renamed(outputs))) };
  }
  if (names.length !== 1) throw new TypeError(`the model has ${names.length} outputs: give an .npz, or a folder`);
  return { write: (outputs) => file.write(writeNpy(outputs.get(names[0]!)!)) };
}

/** Names that are safe in a folder and differ even where case does not count. */
function fileNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const safe = name.replace(/[^\w.-]/g, '_').replace(/^\.+/, '_') || '_';
    let unique = safe;
    for (let copy = 2; taken.has(unique.toLowerCase()); copy++) unique = `${safe}-${copy}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}
