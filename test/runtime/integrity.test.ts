/**
 * Integrity strings against hashes by Node's own crypto.
 */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkIntegrity } from '../../runtime/integrity.ts';
import { FormatError, UnsupportedError } from '../../src/errors.ts';

const BYTES = Uint8Array.from({ length: 100 }, (_, at) => at);
const hash = (algorithm: string, bytes = BYTES) =>
  `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
const WRONG = Uint8Array.of(1);

afterEach(() => vi.unstubAllGlobals());

describe('checkIntegrity', () => {
  it.each([
    ['sha256', hash('sha256')],
    ['sha384', hash('sha384')],
    ['sha512', hash('sha512')],
    ['white space around', `\n ${hash('sha384')}\t`],
    ['options', `${hash('sha384')}?type=model`],
    ['capitals', hash('sha384').replace('sha', 'SHA')],
    ['base64url', hash('sha512').replaceAll('+', '-').replaceAll('/', '_')],
    ['no padding', hash('sha256').replace(/=+$/, '')],
    ['one of several', `${hash('sha384', WRONG)} ${hash('sha384')}`],
    ['a wrong one of a weaker algorithm', `${hash('sha256', WRONG)} ${hash('sha512')}`],
    ['an algorithm of the future', `sha3-AAAA ${hash('sha256')}`],
  ])('passes: %s', async (_, integrity) => {
    await expect(checkIntegrity(BYTES, integrity)).resolves.toBeUndefined();
  });

  it.each([
    ['another hash', hash('sha384', WRONG)],
    ['a right one of a weaker algorithm', `${hash('sha256')} ${hash('sha512', WRONG)}`],
    ['half a hash', hash('sha256').slice(0, 30)],
  ])('fails: %s', async (_, integrity) => {
    const failed = checkIntegrity(BYTES, integrity);
    await expect(failed).rejects.toThrow(FormatError);
    await expect(failed).rejects.toThrow(/^integrity: the file is sha\d+-\S+=*, expected sha\d+-\S+$/);
  });

  it.each(['', 'sha1-AAAA', 'md5-AAAA', 'sha256', 'sha256-', 'AAAA', 'sha256-%%%'])('refuses %j', async (integrity) => {
    await expect(checkIntegrity(BYTES, integrity)).rejects.toThrow(TypeError);
  });

  it('says so where nothing can be checked', async () => {
    vi.stubGlobal('crypto', {});
    await expect(checkIntegrity(BYTES, hash('sha256'))).rejects.toThrow(UnsupportedError);
  });
});
