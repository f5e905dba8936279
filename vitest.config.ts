/**
 * Two projects: everything that runs in Node, and what has to be seen in a browser (Chromium, with WebGPU on its software
 * adapter). CHROMIUM_PATH names the browser; without one the second project is left out.
 */
import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { CHROMIUM, CHROMIUM_ARGUMENTS } from './scripts/chromium.mjs';

const inNode: TestProjectConfiguration = {
  test: {
    name: 'node',
    environment: 'node',
    include: ['test/**/*.test.ts'],
    exclude: ['test/browser/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
};

const inBrowser: TestProjectConfiguration = {
  optimizeDeps: {
    // onnxruntime-web finds its WebAssembly beside itself, so it must stay where it is; the others are found too late
    // otherwise, and the page would be loaded again in the middle of a test.
    exclude: ['onnxruntime-web'],
    include: ['@petamoriken/float16', 'fflate', 'h5wasm', 'protobufjs/minimal.js'],
  },
  test: {
    name: 'browser',
    // The kernels once more, since relaxed SIMD is something that Node does not have.
    include: ['test/browser/**/*.test.ts', 'test/runtime/kernels/{general,products}.test.ts'],
    globalSetup: ['test/browser/node-reference.ts'],
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: CHROMIUM, args: CHROMIUM_ARGUMENTS } }),
      instances: [{ browser: 'chromium' }],
    },
  },
};

const hasChromium = existsSync(CHROMIUM);
if (!hasChromium) {
  console.warn(`No Chromium at ${CHROMIUM}: the browser tests are skipped. CHROMIUM_PATH can name another.`);
}

export default defineConfig({ test: { projects: hasChromium ? [inNode, inBrowser] : [inNode] } });
