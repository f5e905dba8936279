/**
 * Every Keras layer that this reader knows, by class name: the rule that reads it, or why it is refused. The table in
 * LAYERS.md is made of it.
 */
import type { LayerRow, LayerRows } from './layer-rule.ts';
import { ACTIVATION_LAYERS } from './layers/activation.ts';
import { ATTENTION_LAYERS } from './layers/attention.ts';
import { DENSE_LAYERS } from './layers/dense.ts';
import { EMBEDDING_LAYERS } from './layers/embedding.ts';
import { RECURRENT_LAYERS } from './layers/recurrent.ts';
import { WRAPPER_LAYERS } from './layers/wrappers.ts';

/** The layers by family, under the headings of the docs. */
export const LAYER_FAMILIES: Readonly<Record<string, LayerRows>> = {
  'Core layers': DENSE_LAYERS,
  Activations: ACTIVATION_LAYERS,
  'Embedding and masking': EMBEDDING_LAYERS,
  'Recurrent layers': RECURRENT_LAYERS,
  Wrappers: WRAPPER_LAYERS,
  Attention: ATTENTION_LAYERS,
};

const ROWS: ReadonlyMap<string, LayerRow> = new Map(
  Object.values(LAYER_FAMILIES).flatMap((rows) => Object.entries(rows)),
);

/** The row of a class name without its package; `undefined` for a class that is not one of Keras' own. */
export function layerRow(className: string): LayerRow | undefined {
  return ROWS.get(className);
}
