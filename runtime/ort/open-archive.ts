/**
 * A `.fqz` archive as an onnxruntime session: its ONNX model is written in memory and never touches a disk.
 */
import { writeOnnx } from '../../formats/onnx/write.ts';
import type { Archive } from '../../src/codec/archive.ts';
import { type OnnxSession, type OpenOptions, openOnnx } from '../../src/onnxruntime.ts';
import { type Form, unpack } from '../../src/unpack.ts';

export interface OpenArchiveOptions extends OpenOptions {
  /**
   * How the weights are handed to onnxruntime: `dense`, rebuilt; `factored`, each network as a chain of small layers;
   * `auto`, as a chain only where that takes fewer multiplications.
   */
  form?: Form;
}

export const OPEN_ARCHIVE_DEFAULTS = { form: 'auto' } as const satisfies OpenArchiveOptions;

/**
 * Opens an archive in onnxruntime, over the project's own tensors. Throws `FormatError` where a stored ONNX graph is
 * damaged, and as `openOnnx` does.
 */
export async function openArchive(archive: Archive, options: OpenArchiveOptions = {}): Promise<OnnxSession> {
  const { form = OPEN_ARCHIVE_DEFAULTS.form } = options;
  return openOnnx(writeOnnx(unpack(archive, { form })), options);
}
