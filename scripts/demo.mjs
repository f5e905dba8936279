/**
 * The main job on a small model of our own: convert it, look inside the file, and prove that it still computes the same.
 * Run by `npm run demo`, after the build.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const model = join(root, 'fixtures', 'smooth-unet.onnx');
const small = join(mkdtempSync(join(tmpdir(), 'fqz-demo-')), 'smooth-unet.fqz');

for (const args of [
  ['convert', model, '-o', small],
  ['inspect', small],
  ['verify', small, '--against', model, '--shape', 'image=1x1x96x120'],
]) {
  console.log(`\n$ fqz ${args.join(' ')}`);
  execFileSync(process.execPath, [join(root, 'dist', 'src', 'cli', 'main.js'), ...args], { stdio: 'inherit' });
}
console.log(`\n${small} is ready to ship; README.md shows how to run it.`);
