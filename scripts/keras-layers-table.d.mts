import type { LayerRows } from '../formats/keras/layer-rule.ts';

export function layersPage(families: Readonly<Record<string, LayerRows>>): string;
