/**
 * Data specs, the way to name a data set in one word: `mnist:DIR`, `images:DIR`, ….
 */
import type { Dataset } from './dataset.ts';

/** A parsed data spec. */
export type DataSpec =
  | { kind: 'mnist'; folder: string; split: 'train' | 'test' }
  | { kind: 'cifar10'; file: string }
  | { kind: 'images'; folder: string }
  | { kind: 'segmentation'; images: string; masks: string }
  | { kind: 'npz'; file: string };

const FORMS = 'mnist:DIR[:train], cifar10:FILE, images:DIR, segmentation:IMAGES,MASKS, npz:FILE';

/** Parses a data spec; throws `TypeError` for anything but the five forms. */
export function parseDataSpec(spec: string): DataSpec {
  const colon = spec.indexOf(':');
  const kind = colon < 0 ? spec : spec.slice(0, colon);
  const path = colon < 0 ? '' : spec.slice(colon + 1);
  if (path !== '') {
    switch (kind) {
      case 'mnist': {
        const [, folder = path, split = 'test'] = /^(.+):(train|test)$/.exec(path) ?? [];
        return { kind, folder, split: split as 'train' | 'test' };
      }
      case 'cifar10':
      case 'npz':
        return { kind, file: path };
      case 'images':
        return { kind, folder: path };
      case 'segmentation': {
        const [images, masks, ...more] = path.split(',');
        if (images && masks && more.length === 0) return { kind, images, masks };
      }
    }
  }
  throw new TypeError(`data spec '${spec}' is none of ${FORMS}`);
}

/**
 * Opens the data set that `spec` names. Rejects with `TypeError` for a bad spec, `FormatError` for bad files, and
 * Node's own error where a file or folder cannot be read.
 */
export async function openDataset(spec: string): Promise<Dataset> {
  const parsed = parseDataSpec(spec);
  switch (parsed.kind) {
    case 'mnist':
      return (await import('./idx.ts')).openMnist(parsed.folder, parsed.split, spec);
    case 'cifar10':
      return (await import('./cifar10.ts')).openCifar10(parsed.file, spec);
    case 'images':
      return (await import('./images.ts')).openImages(parsed.folder, spec);
    case 'segmentation':
      return (await import('./segmentation.ts')).openSegmentation(parsed.images, parsed.masks, spec);
    case 'npz':
      return (await import('./npz.ts')).openNpz(parsed.file, spec);
  }
}
