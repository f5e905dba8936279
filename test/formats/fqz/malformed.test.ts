import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../../formats/fqz/crc32.ts';
import { FormatError } from '../../../src/errors.ts';
import { expectRefusedWhenCut, refusal } from '../../support/refusal.ts';

const fixture = (path: string) => new Uint8Array(readFileSync(new URL(`../../../fixtures/${path}`, import.meta.url)));
const EXPECTED: Record<string, string> = JSON.parse(new TextDecoder().decode(fixture('malformed/expected.json')));

describe('malformed .fqz files', () => {
  it('all have an expected message', () => {
    const names = readdirSync(new URL('../../../fixtures/malformed', import.meta.url));
    expect(names.filter((name) => name.endsWith('.fqz')).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(Object.entries(EXPECTED))('%s: %s', (name, message) => {
    const error = refusal(fixture(`malformed/${name}`));
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toBe(message);
  });
});

describe.each(['shapes.quality', 'control-flow.quality'])('%s.fqz', (name) => {
  const whole = fixture(`v1/${name}.fqz`);

  it('is refused when cut at any byte', () => {
    expectRefusedWhenCut(whole);
  });

  it('is refused with any bit of any byte flipped', () => {
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice();
      bytes[at]! ^= 1 << ((at * 5) % 8);
      const error = refusal(bytes);
      expect(error).toBeInstanceOf(FormatError);
      const problem = at < 3 ? 'this is not a .fqz file' : at === 3 ? 'the file is of version' : 'its checksum';
      expect((error as Error).message).toContain(problem);
    }
  });

  it('is refused with bytes behind it, also where the checksum covers them', () => {
    for (let extra = 1; extra <= 20; extra++) {
      const longer = Uint8Array.from([...whole, ...new Array<number>(extra).fill(0xa7)]);
      expect(refusal(longer)).toBeInstanceOf(FormatError);
      // The decoder looks four bytes ahead, so that fewer can be the code's own end.
      if (extra <= 4) continue;
      new DataView(longer.buffer).setUint32(longer.length - 4, crc32(longer.subarray(0, -4)), true);
      expect(refusal(longer), `${extra} bytes more`).toBeInstanceOf(FormatError);
    }
  });
});
