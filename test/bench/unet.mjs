/**
 * The paper's UNet of 759 coefficients on a 640×959 image: weights rebuilt (dense) against chains of small convolutions
 * (factored), the same file in the same onnxruntime. Each engine and thread count has a process of its own, because
 * onnxruntime-web fixes its threads with the first session.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, onnxruntimeEvaluate, readOnnxFile } from 'fqz';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, median } from './measure.mjs';

const MAKE_WEIGHTS = fileURLToPath(new URL('../../../shared/models/unet-759/make-weights.mjs', import.meta.url));
const RUN = fileURLToPath(new URL('./unet-run.mjs', import.meta.url));

/** What factored must gain in onnxruntime-web. */
const WANTED_RATIO = 10;

const SETTINGS = [
  { engine: 'web', threads: '1' },
  { engine: 'web', threads: 'default' },
  { engine: 'node', threads: 'default' },
];

function isInstalled(name) {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Prints the figures, or why there are none; false where factored gains less than it must. UNET_FOLDER may name a
 * folder with model.onnx and weights.bin, which are made otherwise.
 */
export async function run(runs) {
  console.log('## UNet of 759 coefficients, 640×959\n');
  if (!existsSync(MAKE_WEIGHTS)) {
    console.log('Skipped: the model in ../shared/models/unet-759 is not here.');
    return true;
  }
  const work = mkdtempSync(join(tmpdir(), 'fqz-bench-'));
  try {
    const folder = process.env.UNET_FOLDER ?? work;
    if (folder === work) execFileSync(process.execPath, [MAKE_WEIGHTS, work], { stdio: 'ignore' });
    const model = await readOnnxFile(join(folder, 'model.onnx'));
    const { bytes } = await convert(model, { evaluate: onnxruntimeEvaluate });
    const file = join(work, 'unet.fqz');
    writeFileSync(file, bytes);
    const rows = [];
    let good = true;
    for (const { engine, threads } of SETTINGS) {
      if (engine === 'node' && !isInstalled('onnxruntime-node')) continue;
      const output = execFileSync(process.execPath, [RUN, file, engine, threads, String(runs)], { encoding: 'utf8' });
      const { dense, factored, difference } = JSON.parse(output);
      const ratio = median(dense) / median(factored);
      if (engine === 'web') good &&= ratio >= WANTED_RATIO;
      rows.push([
        `onnxruntime-${engine}`,
        threads,
        duration(median(dense)),
        duration(median(factored)),
        `${ratio.toFixed(1)} ×`,
        difference.toExponential(1),
      ]);
    }
    console.log(markdownTable(['engine', 'threads', 'dense', 'factored', 'faster', 'difference'], rows));
    console.log(
      `\n${bytes.length} bytes of .fqz; factored must be ${WANTED_RATIO} times faster in onnxruntime-web: ${good ? 'it is' : 'IT IS NOT'}.`,
    );
    return good;
  } finally {
    rmSync(work, { recursive: true });
  }
}
