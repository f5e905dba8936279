/**
 * How damaged `.fqz` files are refused.
 */
import { expect } from 'vitest';
import { readFqz } from '../../formats/fqz/read.ts';
import { FormatError } from '../../src/errors.ts';

/** What reading `bytes` throws. */
export function refusal(bytes: Uint8Array): unknown {
  try {
    readFqz(bytes);
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Expects `whole` to be refused wherever it is cut, but at `ends`. */
export function expectRefusedWhenCut(whole: Uint8Array, ends: readonly number[] = []): void {
  for (let length = 0; length < whole.length; length++) {
    if (ends.includes(length)) continue;
    const error = refusal(whole.subarray(0, length));
    expect(error, `${length} bytes`).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(
      /^fqz: (this is not a \.fqz file|the file is (damaged or )?cut off)[^\n]*$/,
    );
  }
}
