/**
 * One row of the UNet bench, in a process of its own: `node unet-run.mjs FILE ENGINE THREADS RUNS` prints JSON.
 */
import { readFileSync } from 'node:fs';
import { createSession } from 'fqz/ort';
import { uniformNoise } from '../../dist/src/data/noise.js';

/** A dense run takes that of many factored ones, so each is followed by a few. */
const FACTORED_PER_DENSE = 3;

const [file, engine, threads, runs] = process.argv.slice(2);
const bytes = new Uint8Array(readFileSync(file));
const open = (form) =>
  createSession(bytes, { form, engine, ...(threads !== 'default' && { threads: Number(threads) }) });
const sessions = { dense: await open('dense'), factored: await open('factored') };

const dims = [1, 3, 640, 959];
const image = { data: Float32Array.from({ length: 3 * 640 * 959 }, uniformNoise(1)), dims };
const seconds = { dense: [], factored: [] };
const outputs = {};

async function time(form) {
  const start = performance.now();
  const { logits } = await sessions[form].run({ image });
  seconds[form].push((performance.now() - start) / 1000);
  outputs[form] = logits.data;
}

for (let round = 0; round < Number(runs); round++) {
  await time('dense');
  for (let turn = 0; turn < FACTORED_PER_DENSE; turn++) await time('factored');
}

let largest = 0;
let difference = 0;
outputs.dense.forEach((value, at) => {
  largest = Math.max(largest, Math.abs(value));
  difference = Math.max(difference, Math.abs(value - outputs.factored[at]));
});
console.log(JSON.stringify({ ...seconds, difference: difference / largest }));
