import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeClassifier } from '../support/cli.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fqz-process-'));
afterAll(() => rmSync(folder, { recursive: true }));
const MODEL = join(folder, 'model.onnx');
beforeAll(() => writeClassifier(MODEL));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function node(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe.skipIf(!existsSync(MAIN))('the built command as a process (skipped before npm run build)', () => {
  it('prints one JSON object and nothing else where nobody watches', async () => {
    const output = join(folder, 'model.fqz');
    const { code, stdout, stderr } = await node([MAIN, 'convert', MODEL, '-o', output, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout).output.path).toBe(output);
    // Through onnxruntime, whose threads and log must not show.
    const verified = await node([MAIN, 'verify', output, '--against', MODEL, '--engine', 'web', '--json']);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    expect(JSON.parse(verified.stdout).outputs[0].name).toBe('logits');
  });

  it('fails with one line, and with the stack only where FQZ_DEBUG is set', async () => {
    const args = [MAIN, 'inspect', join(folder, 'absent')];
    const line = `fqz: ${join(folder, 'absent')}: no such file or folder\n`;
    expect(await node(args)).toEqual({ code: 1, stdout: '', stderr: line });
    const debugged = await node(args, { FQZ_DEBUG: '1' });
    expect(debugged.stderr.startsWith(line)).toBe(true);
    expect(debugged.stderr).toMatch(/\n {4}at /);
  });

  it('ends with 130 at Ctrl-C and leaves no file behind', async () => {
    // Raises SIGINT at the first turn of the event loop after the command has begun to listen to it.
    const interrupt = `process.on('newListener', (name) => {
      if (name === 'SIGINT') setImmediate(() => process.kill(process.pid, 'SIGINT'));
    });`;
    const before = readdirSync(folder);
    const preload = `data:text/javascript,${encodeURIComponent(interrupt)}`;
    const { code, stdout } = await node([
      '--import',
      preload,
      MAIN,
      'convert',
      MODEL,
      '-o',
      join(folder, 'interrupted.fqz'),
    ]);
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(readdirSync(folder)).toEqual(before);
  });
});
