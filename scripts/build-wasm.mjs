/**
 * Compiles the AssemblyScript kernels twice, with SIMD and with relaxed SIMD, and writes both as hexadecimal digits into
 * runtime/wasm/binaries.ts, which the runtime embeds. `--keep FOLDER` also writes the .wasm files there.
 *
 * Hexadecimal, since every byte then looks the same wherever it stands: brotli finds what repeats, and nearly all of the second
 * build in the first (12.0 kB for both; 21.7 kB in base64, where three alignments look different).
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({ options: { keep: { type: 'string' } } });

// Imports are named by the path from here: math.ts declares what the module "math" has to offer.
const FOLDER = `${root}runtime/wasm/assembly`;
// A new memory is zero, so the tables that kernels fill need no bytes in the file.
const MEMORY_FLAGS = ['--importMemory', '--noExportMemory', '--zeroFilledMemory'];
const FLAGS = ['--baseDir', FOLDER, '-O3', '--runtime', 'stub', '--noAssert', ...MEMORY_FLAGS];
const BUILDS = {
  SIMD: ['--enable', 'simd'],
  RELAXED: ['--enable', 'simd', '--enable', 'relaxed-simd'],
};

async function compile(flags) {
  let binary;
  const { error, stdout, stderr } = await asc.main(['index.ts', '--outFile', 'kernels.wasm', ...FLAGS, ...flags], {
    writeFile: (_, contents) => {
      binary = contents;
    },
  });
  if (error) throw new Error(`${error.message}\n${stdout}${stderr}`);
  return binary;
}

let text = '// Made by scripts/build-wasm.mjs from the AssemblyScript in assembly/.\n';
for (const [name, flags] of Object.entries(BUILDS)) {
  const binary = await compile(flags);
  if (options.keep) {
    mkdirSync(options.keep, { recursive: true });
    writeFileSync(`${options.keep}/${name.toLowerCase()}.wasm`, binary);
  }
  text += `export const ${name} = '${Buffer.from(binary).toString('hex')}';\n`;
}
const target = `${root}runtime/wasm/binaries.ts`;
writeFileSync(`${target}.new`, text);
renameSync(`${target}.new`, target);
