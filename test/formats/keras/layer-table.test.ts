import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LAYER_FAMILIES, layerRow } from '../../../formats/keras/layer-table.ts';
import { layersPage } from '../../../scripts/keras-layers-table.mjs';

const PAGE = fileURLToPath(new URL('../../../formats/keras/LAYERS.md', import.meta.url));

describe('the table of layers', () => {
  it('is what the docs say', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(`${layersPage(LAYER_FAMILIES)}\n`);
  });

  it('has each layer once', () => {
    const names = Object.values(LAYER_FAMILIES).flatMap(Object.keys);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    expect(names.length).toBeGreaterThan(100);
  });

  it('says why a layer is refused, and knows nothing of others', () => {
    const { length } = Object.values(LAYER_FAMILIES)
      .flatMap((rows) => Object.values(rows))
      .filter((row) => 'refused' in row && row.refused.length > 20);
    expect(length).toBeGreaterThan(15);
    expect(layerRow('MyLayer')).toBeUndefined();
    expect(layerRow('constructor')).toBeUndefined();
  });
});
