/** The paper's UNet with its 124 MB of weights unpacked, for as long as a bench needs it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAKE_WEIGHTS = fileURLToPath(new URL('../../../shared/models/unet-759/make-weights.mjs', import.meta.url));

/**
 * Calls `use` with a folder that holds model.onnx and weights.bin, and a folder to work in; prints why not, and returns
 * true, where the model is not there. UNET_FOLDER may name a folder with both files, which are made otherwise.
 */
export async function withUnet(use) {
  if (!existsSync(MAKE_WEIGHTS)) {
    console.log('Skipped: the model in ../shared/models/unet-759 is not here.');
    return true;
  }
  const work = mkdtempSync(join(tmpdir(), 'fqz-bench-'));
  try {
    const folder = process.env.UNET_FOLDER ?? work;
    if (folder === work) execFileSync(process.execPath, [MAKE_WEIGHTS, work], { stdio: 'ignore' });
    return await use(folder, work);
  } finally {
    rmSync(work, { recursive: true });
  }
}
