/**
 * How passes get values computed: by whatever inference engine the caller has, so that the IR depends on none.
 */
import type { Model } from './graph.ts';
import type { Tensor } from './tensor.ts';

/** Computes the values named `outputs` of a model that needs no inputs; the result has each of them by name. */
export type Evaluate = (model: Model, outputs: string[]) => Promise<Map<string, Tensor>>;
