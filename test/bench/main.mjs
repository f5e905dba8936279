/**
 * The benches, one after another; figures are medians, and ratios to a peer that ran in turn. No test depends on them.
 *
 *     npm run bench [-- --runs N] [-- --only BENCH] [-- --net NAME]
 *
 * BENCH is one of dct, idct, gemm, decode, convert, calibration, rate-curves, fit, fit-curve, unet, runtime, webgpu.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import * as calibration from './calibration.mjs';
import * as convert from './convert.mjs';
import * as dct from './dct.mjs';
import * as decode from './decode.mjs';
import * as fit from './fit.mjs';
import * as fitCurve from './fit-curve.mjs';
import * as gemm from './gemm.mjs';
import * as idct from './idct.mjs';
import * as rateCurves from './rate-curves.mjs';
import * as runtime from './runtime.mjs';
import * as unet from './unet.mjs';
import * as webgpu from './webgpu.mjs';

const BENCHES = {
  dct,
  idct,
  gemm,
  decode,
  convert,
  calibration,
  'rate-curves': rateCurves,
  fit,
  'fit-curve': fitCurve,
  unet,
  runtime,
  webgpu,
};

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '1' }, only: { type: 'string' }, net: { type: 'string' } },
});
const runs = Number(values.runs);
if (!(Number.isInteger(runs) && runs > 0))
  throw new RangeError(`--runs must be a positive integer, not ${values.runs}`);
if (values.only !== undefined && !(values.only in BENCHES)) {
  throw new RangeError(`--only is one of ${Object.keys(BENCHES).join(', ')}, not ${values.only}`);
}

console.log(`Node ${process.versions.node}, ${availableParallelism()} threads.\n`);
for (const [name, { run }] of Object.entries(BENCHES)) {
  if (values.only !== undefined && values.only !== name) continue;
  if ((await run(runs, { net: values.net })) === false) process.exitCode = 1;
  console.log();
}
