/**
 * Writes the table of Keras' layers to formats/keras/LAYERS.md.
 *
 *     npm run layers
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LAYER_FAMILIES } from '../dist/formats/keras/layer-table.js';
import { layersPage } from './keras-layers-table.mjs';

const path = fileURLToPath(new URL('../formats/keras/LAYERS.md', import.meta.url));
writeFileSync(path, `${layersPage(LAYER_FAMILIES)}\n`);
