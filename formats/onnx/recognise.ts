/**
 * Says what a file that is no ONNX model looks like, by the first bytes that other formats promise.
 */

interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly is: string;
}

const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

const SIGNATURES: readonly Signature[] = [
  { offset: 0, bytes: [0x89, ...ascii('HDF')], is: 'an HDF5 file, such as a Keras .h5 model (readKeras reads it)' },
  {
    offset: 0,
    bytes: ascii('PK\x03\x04'),
    is: 'a zip archive, such as a .keras (readKeras reads it), .npz or PyTorch file',
  },
  { offset: 0, bytes: [0x1f, 0x8b], is: 'gzip-compressed data' },
  { offset: 0, bytes: ascii('FQZ'), is: 'an .fqz file' },
  { offset: 4, bytes: ascii('TFL3'), is: 'a TensorFlow Lite model' },
  { offset: 4, bytes: ascii('ORTM'), is: "a model in onnxruntime's own .ort format" },
  { offset: 0, bytes: ascii('version https://git-lfs'), is: 'a Git LFS pointer that stands for the real file' },
];

/** How much of a file decides whether it is text. */
const TEXT_SAMPLE = 1024;

/** What these bytes are, such as `a text file`; `undefined` where nothing is recognised. */
export function recognise(bytes: Uint8Array): string | undefined {
  const match = SIGNATURES.find(({ offset, bytes: expected }) =>
    expected.every((byte, index) => bytes[offset + index] === byte),
  );
  return match?.is ?? (isText(bytes.subarray(0, TEXT_SAMPLE)) ? 'a text file' : undefined);
}

function isText(sample: Uint8Array): boolean {
  const isWhitespace = (byte: number) => byte >= 9 && byte <= 13;
  if (sample.length === 0 || sample.some((byte) => byte < 32 && !isWhitespace(byte))) return false;
  try {
    // As a stream, because the sample may end within a character.
    new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true });
    return true;
  } catch {
    return false;
  }
}
