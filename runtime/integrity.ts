/**
 * Subresource Integrity (W3C, section 3.2 to 3.3) for bytes that a program has fetched by itself.
 */
import { FormatError, UnsupportedError } from '../src/errors.ts';

/** One hash, or several with white space between, as `sha384-<base64>`; options behind a `?` have no meaning yet. */
const HASH = /^sha(256|384|512)-([\w+/-]+)={0,2}(?:\?\S*)?$/i;

/** Whether an integrity string is one at all; throws `TypeError` where it has no hash that can be checked. */
export function parseIntegrity(integrity: string): { algorithm: string; digests: string[] } {
  // As the specification has it, hashes of unknown algorithms are passed over, and only the strongest known one counts.
  const hashes = integrity.split(/\s+/).map((text) => HASH.exec(text));
  const strongest = Math.max(...hashes.map((hash) => Number(hash?.[1] ?? 0)));
  if (strongest === 0) throw new TypeError(`integrity "${integrity}" has no sha256-, sha384- or sha512- hash`);
  const digests = hashes.flatMap((hash) =>
    Number(hash?.[1]) === strongest ? [hash![2]!.replace(/-/g, '+').replace(/_/g, '/')] : [],
  );
  return { algorithm: `${strongest}`, digests };
}

/**
 * Resolves where `bytes` have one of the hashes of `integrity` (of its strongest algorithm). Rejects with `FormatError`
 * where they have not, `TypeError` for a string without a hash, and `UnsupportedError` in a page that is no secure
 * context.
 */
export async function checkIntegrity(bytes: Uint8Array, integrity: string): Promise<void> {
  const { algorithm, digests } = parseIntegrity(integrity);
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new UnsupportedError('integrity is checked by crypto.subtle, which only secure contexts have');
  const digest = new Uint8Array(await subtle.digest(`SHA-${algorithm}`, bytes as Uint8Array<ArrayBuffer>));
  const actual = btoa(String.fromCharCode(...digest));
  if (digests.includes(actual.replace(/=+$/, ''))) return;
  throw new FormatError(
    'integrity',
    `the file is sha${algorithm}-${actual}, expected sha${algorithm}-${digests.join(' or ')}`,
  );
}
