/**
 * Compiles the AssemblyScript kernels, and writes them in printable characters into runtime/wasm/binaries.ts, which the
 * runtime embeds.
 *
 * The builds with and without relaxed SIMD are one text: a mark stands where they differ, in how a product and a sum are
 * calculated (see multiply-adds.mjs). Bytes from −3 to 88 are one character each, and the others a prefix and one, in the
 * order of the numbers; most bytes of WebAssembly are among the former, or 253, the prefix of SIMD. With one character for
 * each byte that stands everywhere for the same, brotli finds nearly all that it finds in the binary: 11.9 kB, where both
 * builds take 12.1 kB as they are, 13.4 kB in hexadecimal and 21.1 kB in base64.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';
import { apart, fused, takeApart } from './multiply-adds.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// Imports are named by the path from here: math.ts declares what the module "math" has to offer.
const FOLDER = `${root}runtime/wasm/assembly`;
// A new memory is zero, so the tables that kernels fill need no bytes in the file.
const MEMORY_FLAGS = ['--importMemory', '--noExportMemory', '--zeroFilledMemory'];
const FEATURES = ['--enable', 'simd', '--enable', 'relaxed-simd'];
const FLAGS = ['--baseDir', FOLDER, '-O0', '--runtime', 'stub', '--noAssert', ...MEMORY_FLAGS, ...FEATURES];

/** Bytes that share a prefix; the first character of all, with which −3 is written; and the mark. */
const PAGE = 92;
const FIRST = 32;
const MARK = '~';

async function compile() {
  let binary;
  const { error, stdout, stderr } = await asc.main(['index.ts', '--outFile', 'kernels.wasm', ...FLAGS], {
    readFile: (name, folder) => (existsSync(`${folder}/${name}`) ? sourceOf(`${folder}/${name}`) : null),
    writeFile: (_, contents) => {
      binary = contents;
    },
  });
  if (error) throw new Error(`${error.message}\n${stdout}${stderr}`);
  return optimized(binary);
}

/** AssemblyScript's decorator of functions is not TypeScript, so that it stands in a comment. */
function sourceOf(file) {
  return readFileSync(file, 'utf8').replaceAll('// @inline\n', '@inline\n');
}

/**
 * The module as fast as `asc -O3` has it, and 0.3 kB smaller: functions of more than 30 instructions stay calls where several
 * call them, unless the AssemblyScript says that one is `@inline`, in the loops where a call would be felt.
 */
function optimized(binary) {
  const module = binaryen.readBinary(binary);
  const { SIMD128, RelaxedSIMD, BulkMemory, BulkMemoryOpt, SignExt, MutableGlobals, NontrappingFPToInt } =
    binaryen.Features;
  module.setFeatures(
    SIMD128 | RelaxedSIMD | BulkMemory | BulkMemoryOpt | SignExt | MutableGlobals | NontrappingFPToInt,
  );
  binaryen.setZeroFilledMemory(true);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  binaryen.setAlwaysInlineMaxSize(12);
  binaryen.setFlexibleInlineMaxSize(30);
  binaryen.setOneCallerInlineMaxSize(200);
  binaryen.setAllowInliningFunctionsWithLoops(true);
  // What one round inlines, another shortens.
  module.optimize();
  module.optimize();
  module.runPasses(['memory-packing']);
  return module.emitBinary();
}

/** `bytes` in characters from FIRST on, pages after the first behind one of the two characters that follow a page. */
function characters(bytes) {
  const codes = bytes.flatMap((byte) => {
    const place = (byte + 3) & 255;
    const page = Math.floor(place / PAGE);
    const code = FIRST + (place % PAGE);
    return page ? [FIRST + PAGE - 1 + page, code] : [code];
  });
  return String.fromCharCode(...codes);
}

/** The module in characters, with MARK and the variable for each multiply-add. */
function marked(module) {
  let text = '';
  let done = 0;
  for (let at = 0; at < module.length; at++) {
    const multiplyAdd = apart(module[at + 1]);
    if (!multiplyAdd.every((byte, i) => module[at + i] === byte)) continue;
    const variable = characters([module[at + 1]]);
    if (variable.length > 1) throw new Error('a function has too many variables for a mark and one character');
    text += characters([...module.subarray(done, at)]) + MARK + variable;
    done = at + multiplyAdd.length;
  }
  return text + characters([...module.subarray(done)]);
}

/** What `replace` puts in place of a mark and `$1`, the variable. */
function replacement(multiplyAdd) {
  const variable = characters([0]);
  return characters(multiplyAdd(0)).replaceAll('$', '$$$$').replaceAll(variable, '$1');
}

const constants = {
  KERNELS: marked(takeApart(await compile())),
  APART: replacement(apart),
  FUSED: replacement(fused),
};
let text = '// Made by scripts/build-wasm.mjs from the AssemblyScript in assembly/.\n';
for (const [name, value] of Object.entries(constants)) text += `export const ${name} = ${JSON.stringify(value)};\n`;
const target = `${root}runtime/wasm/binaries.ts`;
writeFileSync(`${target}.new`, text);
renameSync(`${target}.new`, target);
