/**
 * `fqz/keras`: the reader of Keras models on its own, for pages and workers as for Node.
 */
export { FormatError, UnsupportedError } from '../../src/errors.ts';
export type { Model } from '../../src/graph/graph.ts';
export { type KerasSource, type ReadKerasOptions, readKeras } from './read.ts';
