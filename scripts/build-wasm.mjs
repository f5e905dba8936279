/**
 * Compiles the AssemblyScript kernels and writes them into runtime/wasm/binaries.ts, which the runtime embeds.
 *
 * As printable text that brotli takes nearly as well as bytes (5 % more; 9 % as hexadecimal digits, 33 % as base64): the most
 * frequent bytes are one character each, the others two, and all look the same wherever they stand. No bundler has to
 * escape any of them.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';

const root = fileURLToPath(new URL('..', import.meta.url));

// Imports are named by the path from here: math.ts declares what the module "math" has to offer.
const FOLDER = `${root}runtime/wasm/assembly`;
// A new memory is zero, so the tables that kernels fill need no bytes in the file.
const MEMORY_FLAGS = ['--importMemory', '--noExportMemory', '--zeroFilledMemory'];
const FLAGS = ['--baseDir', FOLDER, '--enable', 'simd', '--runtime', 'stub', '--noAssert', ...MEMORY_FLAGS];

/** The binary of all kernels, not optimised. */
async function compile() {
  let binary;
  const { error, stdout, stderr } = await asc.main(['index.ts', '--outFile', 'kernels.wasm', '-O0', ...FLAGS], {
    writeFile: (_, contents) => {
      binary = contents;
    },
  });
  if (error) throw new Error(`${error.message}\n${stdout}${stderr}`);
  return binary;
}

/** As asc would, but for leaving more functions in one piece: its own limits make 0.3 kB more. */
function optimise(binary) {
  const module = binaryen.readBinary(binary);
  const { SIMD128, BulkMemory, BulkMemoryOpt, MutableGlobals, NontrappingFPToInt, SignExt } = binaryen.Features;
  module.setFeatures(SIMD128 | BulkMemory | BulkMemoryOpt | MutableGlobals | NontrappingFPToInt | SignExt);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  binaryen.setAlwaysInlineMaxSize(12);
  binaryen.setFlexibleInlineMaxSize(70);
  binaryen.setOneCallerInlineMaxSize(200);
  module.optimize();
  module.optimize();
  return module.emitBinary();
}

// # to ~ but for apostrophe and backslash: 88 digits and two that move on to the next 88.
const CHARACTERS = Array.from({ length: 92 }, (_, at) => String.fromCharCode(35 + at)).filter((c) => !/['\\]/.test(c));
const DIGITS = CHARACTERS.slice(0, -2);
const ESCAPES = ['', ...CHARACTERS.slice(-2)];

/** A byte as runtime/wasm/embedded.ts reads it. */
function encode(byte) {
  const number = (byte + 8) & 255;
  return ESCAPES[Math.floor(number / DIGITS.length)] + DIGITS[number % DIGITS.length];
}

const text = Array.from(optimise(await compile()), encode).join('');
const target = `${root}runtime/wasm/binaries.ts`;
writeFileSync(
  `${target}.new`,
  `// Made by scripts/build-wasm.mjs from the AssemblyScript in assembly/.\nexport const SIMD = '${text}';\n`,
);
renameSync(`${target}.new`, target);
