/**
 * Opens whatever file the user names: `.fqz` or ONNX, told apart by the first bytes and not by the name.
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { isFqz, readFqz } from '../../formats/fqz/read.ts';
import { readOnnxFile } from '../../formats/onnx/file.ts';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { type OpenArchiveOptions, openArchive } from '../../runtime/ort/open-archive.ts';
import type { Archive } from '../codec/archive.ts';
import type { Model } from '../graph/graph.ts';
import type { Preparation } from '../graph/preparation.ts';
import { openOnnx, type Runnable } from '../onnxruntime.ts';

/** A model file in memory. `bytes` is the size of the file itself, without external data. */
export type LoadedFile =
  | { readonly format: 'onnx'; readonly bytes: number; readonly model: Model }
  | { readonly format: 'fqz'; readonly bytes: number; readonly content: Uint8Array; readonly archive: Archive };

/**
 * Reads the model file at `path`. Throws what the two readers throw, and `TypeError` for what is not a regular file.
 */
export async function loadFile(path: string): Promise<LoadedFile> {
  const { size } = checkedStat(path);
  if (!startsLikeFqz(path)) return { format: 'onnx', bytes: size, model: await readOnnxFile(path) };
  const content = new Uint8Array(readFileSync(path));
  return { format: 'fqz', bytes: content.length, content, archive: readFqz(content) };
}

/** Reads the ONNX model at `path`; a `.fqz` is refused with `TypeError` that says what to do. */
export async function loadOnnx(path: string): Promise<{ bytes: number; model: Model }> {
  const { size } = checkedStat(path);
  if (startsLikeFqz(path)) throw new TypeError(`${path} is an .fqz file already; fqz unpack makes ONNX of it`);
  return { bytes: size, model: await readOnnxFile(path) };
}

/** Reads the `.fqz` at `path`; anything else is left to its reader to refuse. */
export async function loadFqz(path: string): Promise<{ bytes: Uint8Array; archive: Archive }> {
  checkedStat(path);
  const bytes = new Uint8Array(readFileSync(path));
  return { bytes, archive: readFqz(bytes) };
}

/** The size of a regular file; anything else could block or never end, and is refused with `TypeError`. */
export function checkedStat(path: string): { size: number } {
  const status = statSync(path);
  if (!status.isFile()) throw new TypeError(`${path} is not a regular file`);
  return status;
}

/** Enough of a file to tell a `.fqz` by. */
const START_BYTES = 16;

function startsLikeFqz(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const start = new Uint8Array(START_BYTES);
    return isFqz(start.subarray(0, readSync(file, start)));
  } finally {
    closeSync(file);
  }
}

/** How a file is run; `form`, `backend` and `width` are for `.fqz` files. */
export interface RunnableOptions extends Pick<OpenArchiveOptions, 'form' | 'engine' | 'threads'> {
  /** `onnxruntime` unless given. */
  backend?: 'onnxruntime' | 'wasm' | 'js';
  /** Fraction of the model's own width, for the backends `wasm` and `js`. */
  width?: number;
}

/** An open model, with what a `.fqz` carries besides. */
export interface RunnableFile {
  readonly session: Runnable & { release(): Promise<void> };
  readonly preparation?: Preparation;
  readonly labels?: readonly string[];
}

/**
 * Loads the file at `path` and opens it. Throws what `loadFile`, `openOnnx`, `openArchive` and `openInRuntime` throw,
 * and `TypeError` for options that do not go with each other or with the file.
 */
export async function openFile(path: string, options: RunnableOptions): Promise<RunnableFile> {
  const { backend = 'onnxruntime', width } = options;
  const file = await loadFile(path);
  if (backend !== 'onnxruntime') {
    if (file.format === 'onnx')
      throw new TypeError(`backend ${backend} runs .fqz files, ${path} is an ONNX model: --backend onnxruntime`);
    const { openInRuntime } = await import('./open-in-runtime.ts');
    return openInRuntime(file.content, { backend, ...(width !== undefined && { width }) });
  }
  if (width !== undefined) throw new TypeError('--width needs --backend wasm or js');
  if (file.format === 'onnx') return { session: await openOnnx(writeOnnx(file.model), options) };
  const { preparation, labels } = file.archive;
  return {
    session: await openArchive(file.archive, options),
    ...(preparation && { preparation }),
    ...(labels && { labels }),
  };
}
