/**
 * Merges initialisers that hold the same, such as the ones and zeros of norms without an affine part.
 */
import type { Model } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { outputNames, renameUses } from '../uses.ts';

/** Larger tensors are hardly ever equal, and comparing them all would take time. */
const LARGEST_SHARED = 64 * 1024;

/** A string that two tensors have in common only when they are equal; `undefined` where they are not to be merged. */
function contentOf(tensor: Tensor): string | undefined {
  if (tensor.dtype === 'string' || tensor.data.length > LARGEST_SHARED) return undefined;
  let text = `${tensor.dtype}[${tensor.shape}]`;
  for (const byte of tensor.data) text += String.fromCharCode(byte);
  return text;
}

/** Lets equal initialisers of the main graph of up to 64 KiB be one; returns how many went. */
export function shareConstants({ graph }: Model): number {
  const first = new Map<string, string>();
  const names = new Map<string, string>();
  const outputs = outputNames(graph);
  for (const [name, tensor] of graph.initializers) {
    const content = outputs.has(name) ? undefined : contentOf(tensor);
    if (content === undefined) continue;
    const earlier = first.get(content);
    if (earlier === undefined) first.set(content, name);
    else names.set(name, earlier);
  }
  renameUses(graph, names);
  for (const name of names.keys()) graph.initializers.delete(name);
  return names.size;
}
