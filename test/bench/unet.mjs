/**
 * The paper's UNet of 759 coefficients on a 640×959 image: weights rebuilt (dense) against chains of small convolutions
 * (factored), the same file in the same onnxruntime. Each engine and thread count has a process of its own, because
 * onnxruntime-web fixes its threads with the first session.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert, onnxruntimeEvaluate, readOnnxFile } from 'fqz';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, median } from './measure.mjs';
import { withUnet } from './unet-folder.mjs';

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

/** Prints the figures; false where factored gains less than it must. */
export function run(runs) {
  console.log('## UNet of 759 coefficients, 640×959\n');
  return withUnet(async (folder, work) => {
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
  });
}
