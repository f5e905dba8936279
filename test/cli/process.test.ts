import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpz } from '../../src/data/npz.ts';
import { float32Tensor, int64Tensor } from '../../src/graph/tensor.ts';
import { writeClassifier } from '../support/cli.ts';
import { normal } from '../support/random.ts';

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

  it('makes the same file of a fit that was killed while it saved its state', async () => {
    const next = normal(1);
    const arrays = new Map([
      ['image', float32Tensor([64, 1, 28, 28], Float32Array.from({ length: 64 * 784 }, next))],
      ['labels', int64Tensor(Array.from({ length: 64 }, (_, row) => row % 10))],
    ]);
    writeFileSync(join(folder, 'data.npz'), writeNpz(arrays));
    const fitting = (name: string, ...more: string[]) => {
      const options = ['--coefficients', '80', '--epochs', '6', '--batch', '16', '--start', 'fresh', '--threads', '1'];
      const paths = ['--data', `npz:${join(folder, 'data.npz')}`, '-o', join(folder, name)];
      return [MAIN, 'fit', MODEL, ...paths, ...options, ...more];
    };
    const saving = ['--checkpoint', join(folder, 'state')];
    const kill = `import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      const rename = fs.renameSync;
      let saved = 0;
      fs.renameSync = (from, to) => {
        if (to.endsWith('fit.checkpoint') && ++saved === 3) process.kill(process.pid, 'SIGKILL');
        rename(from, to);
      };
      syncBuiltinESMExports();`;
    const preload = ['--import', `data:text/javascript,${encodeURIComponent(kill)}`];
    expect((await node([...preload, ...fitting('killed.fqz', ...saving)])).code).toBe(null);
    expect(existsSync(join(folder, 'killed.fqz'))).toBe(false);
    expect((await node(fitting('killed.fqz', ...saving, '--resume'))).code).toBe(0);
    expect((await node(fitting('whole.fqz'))).code).toBe(0);
    expect(readFileSync(join(folder, 'killed.fqz'))).toEqual(readFileSync(join(folder, 'whole.fqz')));
  });
});
