/**
 * Runs the README's examples as they stand, in its order: each continues with what the one before has written. Those that need
 * models or data of the reader's own are in blocks of `bash` and `ts`, not of `sh` and `js`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const main = join(root, 'dist', 'src', 'cli', 'main.js');
/** Inside the package, so that `import 'fqz'` finds it by its own name. */
const folder = join(root, '.readme-examples');

const blocks = [...readme.matchAll(/```(js|sh)\n(.*?)```/gs)].map(([, language, text]) => ({ language, text: text! }));
const commands = blocks.flatMap(({ language, text }) => (language === 'sh' ? text.split('\n') : []));
const programs = blocks.flatMap(({ language, text }) => (language === 'js' ? [text] : []));

describe.skipIf(!existsSync(main))('the README (skipped before npm run build)', () => {
  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    symlinkSync(join(root, 'fixtures'), join(folder, 'fixtures'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = (file: string, args: string[]) =>
    execFileSync(process.execPath, [file, ...args], { cwd: folder, encoding: 'utf8' });

  it('has commands and programs', () => {
    expect(commands.filter((line) => line.startsWith('npx fqz ')).length).toBeGreaterThanOrEqual(4);
    expect(programs.length).toBeGreaterThanOrEqual(3);
  });

  it.each(commands.filter((line) => line.startsWith('npx fqz ')))('%s', (line) => {
    run(main, line.split(' ').slice(2));
    const [, output] = / -o (\S+)/.exec(line) ?? [];
    if (output) expect(existsSync(join(folder, output))).toBe(true);
  });

  it.each(programs.map((text, at) => [at + 1, text] as const))('program %i', (at, text) => {
    const file = join(folder, `program-${at}.mjs`);
    writeFileSync(file, text);
    expect(run(file, [])).not.toBe('');
  });

  it('names scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const [, script] of readme.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(script);
  });
});
