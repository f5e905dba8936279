/**
 * The bundled runtime where pages are strict or scripts have no page: content security policies, workers, service
 * workers. Each runs the same file from the same server, in Chromium.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSession } from '../../runtime/ort/index.ts';
import { bundleRuntime } from '../../scripts/bundle-runtime.mjs';
import { noise } from '../support/small-model.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

const FILE = readFileSync(new URL('../../fixtures/v1/digits-cnn.fp16.fqz', import.meta.url));
const image = Array.from(noise([1, 1, 28, 28]).data);

/** What each of the scripts reports. */
interface Report {
  readonly backend: string;
  readonly variant?: string;
  readonly fallback?: string;
  readonly scores: number[];
  readonly hasPage: boolean;
}

/** Loads, runs, reports. The file comes with the script, so that a policy need not allow any connection. */
const run = (runtime: string) => `
import { load } from '${runtime}';
export async function report(options) {
  const bytes = Uint8Array.from(${JSON.stringify([...FILE])});
  const session = await load(bytes, options);
  const { scores } = await session.run({ image: Float32Array.from(${JSON.stringify(image)}) });
  const { backend, variant, fallback } = session.info;
  session.dispose();
  return { backend, variant, fallback, scores: Array.from(scores.data), hasPage: typeof document === 'object' };
}`;

/** Scripts of pages; each leaves its report, or what went wrong, in \`window.report\`. */
const SCRIPTS: Record<string, string> = {
  '/run.js': run('/runtime.js'),
  '/run-full.js': run('/full.js'),
  '/small.js': `import { report } from '/run.js'; window.report = report().catch(({ message }) => message);`,
  '/auto.js': `import { report } from '/run-full.js'; window.report = report();`,
  '/js.js': `import { report } from '/run-full.js'; window.report = report({ backend: 'js' });`,
  '/worker-page.js': `window.report = new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });`,
  '/worker.js': `import { report } from '/run.js'; postMessage(await report());`,
  '/service-page.js': `window.report = (async () => {
    await navigator.serviceWorker.register('/service.js', { type: 'module' });
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    active.postMessage(undefined, [port2]);
    return new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
  })();`,
  '/service.js': `import { report } from '/run.js';
    onmessage = ({ ports: [port] }) => report().then((own) => port.postMessage(own), ({ stack }) => port.postMessage(stack));`,
};

describe.skipIf(!existsSync(CHROMIUM))('the bundled runtime in Chromium (skipped without it)', () => {
  let server: Server;
  let browser: Browser;
  let expected: number[];
  let code: string;

  beforeAll(async () => {
    const session = await createSession(FILE, { engine: 'node', form: 'dense' });
    expected = Array.from((await session.run({ image: Float32Array.from(image) })).scores!.data as Float32Array);
    await session.release();
    ({ code } = await bundleRuntime());
    const full = await bundleRuntime('full');
    const bundles: Record<string, string> = { '/runtime.js': code, '/full.js': full.code };
    server = createServer(({ url = '' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://localhost');
      const script = bundles[pathname] ?? SCRIPTS[pathname];
      if (pathname === '/page') {
        response.setHeader('content-security-policy', searchParams.get('policy') ?? '');
        response.setHeader('content-type', 'text/html');
        response.end(`<!doctype html><script type="module" src="${searchParams.get('script')}"></script>`);
      } else {
        response.setHeader('content-type', 'text/javascript');
        response.writeHead(script === undefined ? 404 : 200).end(script);
      }
    }).listen(0);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Opens a page with one script under a policy. */
  async function visit(script: string, policy: string): Promise<{ report: Report; violations: string[] }> {
    const page = await browser.newPage();
    try {
      await page.addInitScript(() => {
        const violations: string[] = [];
        document.addEventListener('securitypolicyviolation', ({ blockedURI }) => violations.push(blockedURI));
        Object.assign(window, { violations });
      });
      const { port } = server.address() as AddressInfo;
      await page.goto(`http://localhost:${port}/page?${new URLSearchParams({ script, policy })}`);
      const [report, violations] = await page.evaluate(async () => {
        const { report, violations } = window as unknown as { report: Promise<Report>; violations: string[] };
        return [await report, violations] as const;
      });
      return { report, violations };
    } finally {
      await page.close();
    }
  }

  function expectScores({ scores }: Report): void {
    const largest = Math.max(...expected.map(Math.abs));
    expect(scores).toHaveLength(expected.length);
    for (const [at, value] of expected.entries()) expect(Math.abs(scores[at]! - value) / largest).toBeLessThan(1e-5);
  }

  const STRICT = "default-src 'none'; script-src 'self'";

  it('a strict policy: plain JavaScript, without a violation where that is asked for', async () => {
    const { report, violations } = await visit('/js.js', STRICT);
    expect(report).toMatchObject({ backend: 'js', hasPage: true });
    expectScores(report);
    expect(violations).toEqual([]);
  });

  it('a strict policy: auto finds that WebAssembly is forbidden, and goes on', async () => {
    const { report, violations } = await visit('/auto.js', STRICT);
    expect(report).toMatchObject({ backend: 'js', fallback: expect.stringContaining('Content Security Policy') });
    expectScores(report);
    expect(new Set(violations)).toEqual(new Set(['wasm-eval']));
  });

  it('a strict policy: the runtime without JavaScript kernels says what is in its way', async () => {
    const { report } = await visit('/small.js', STRICT);
    expect(report).toContain('Content Security Policy');
  });

  it.each(['/auto.js', '/small.js'])("a strict policy with 'wasm-unsafe-eval': WebAssembly (%s)", async (script) => {
    const { report, violations } = await visit(script, `${STRICT} 'wasm-unsafe-eval'`);
    expect(report).toMatchObject({ backend: 'wasm', variant: 'relaxed-simd' });
    expectScores(report);
    expect(violations).toEqual([]);
  });

  it("the README's page", async () => {
    const [, html] = /```html\n(.*?)```/s.exec(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'))!;
    const page = await browser.newPage();
    try {
      const said: unknown[][] = [];
      page.on('console', async (message) => {
        said.push(await Promise.all(message.args().map((argument) => argument.jsonValue())));
      });
      const served: Record<string, [type: string, body: string | Buffer]> = {
        '/': ['text/html', html!],
        '/fqz-runtime.js': ['text/javascript', code],
        '/digits.fqz': ['application/octet-stream', FILE],
      };
      await page.route('http://readme.test/**', (route) => {
        const [contentType, body] = served[new URL(route.request().url()).pathname] ?? ['text/plain', ''];
        return route.fulfill({ contentType, body });
      });
      await page.goto('http://readme.test/');
      await expect.poll(() => said.at(-1)).toEqual([[1, 10], expect.anything()]);
      expect(said).toContainEqual(['download', FILE.length, FILE.length]);
    } finally {
      await page.close();
    }
  });

  it('a module worker', async () => {
    const { report } = await visit('/worker-page.js', '');
    expect(report).toMatchObject({ backend: 'wasm', hasPage: false });
    expectScores(report);
  });

  it('a service worker', async () => {
    const { report } = await visit('/service-page.js', '');
    expect(report).toMatchObject({ backend: 'wasm', hasPage: false });
    expectScores(report);
  });
});
