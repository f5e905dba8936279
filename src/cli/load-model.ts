/**
 * Opens whatever file the user names: `.fqz`, ONNX or Keras, told apart by the first bytes and not by the name. A folder
 * can be an unzipped `.keras` archive.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isFqz, readFqz } from '../../formats/fqz/read.ts';
import type { ReadKerasOptions } from '../../formats/keras/read.ts';
import { isKeras } from '../../formats/keras/signatures.ts';
import { readOnnxFile } from '../../formats/onnx/file.ts';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { type OpenArchiveOptions, openArchive } from '../../runtime/ort/open-archive.ts';
import type { Archive } from '../codec/archive.ts';
import type { Model } from '../graph/graph.ts';
import type { Preparation } from '../graph/preparation.ts';
import { openOnnx, type Runnable } from '../onnxruntime.ts';

/** A model as some training framework left it. `bytes` is the size of the file itself, without external data. */
export interface SourceFile {
  readonly format: 'onnx' | 'keras';
  readonly bytes: number;
  readonly model: Model;
}

/** A model file in memory. */
export type LoadedFile =
  | SourceFile
  | { readonly format: 'fqz'; readonly bytes: number; readonly content: Uint8Array; readonly archive: Archive };

/**
 * Reads the model file at `path`. Throws what the readers throw, and `TypeError` for what is neither a regular file nor a
 * folder.
 */
export async function loadFile(path: string, options: ReadKerasOptions = {}): Promise<LoadedFile> {
  const kind = kindOf(path);
  if (kind === 'fqz') {
    const content = new Uint8Array(readFileSync(path));
    return { format: kind, bytes: content.length, content, archive: readFqz(content) };
  }
  if (kind === 'onnx') return { format: kind, bytes: checkedStat(path).size, model: await readOnnxFile(path) };
  const { readKerasFile } = await import('../../formats/keras/file.ts');
  return { format: kind, bytes: sizeOf(path), model: await readKerasFile(path, options) };
}

/**
 * Reads the ONNX or Keras model at `path`; a `.fqz` is refused with `TypeError` that says what to do, and so are options
 * for Keras models where it is none.
 */
export async function loadSource(path: string, options: ReadKerasOptions = {}): Promise<SourceFile> {
  const kind = kindOf(path);
  if (kind === 'fqz') throw new TypeError(`${path} is an .fqz file already; fqz unpack makes ONNX of it`);
  if (kind === 'onnx' && options.layout !== undefined) {
    throw new TypeError(`--layout is for Keras models, and ${path} is none`);
  }
  return (await loadFile(path, options)) as SourceFile;
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

/** Enough of a file to tell its format by. */
const START_BYTES = 16;

/** The format of what is at `path`, which only its reader can tell for sure; a file of no known format counts as ONNX. */
function kindOf(path: string): LoadedFile['format'] {
  if (statSync(path).isDirectory()) return 'keras';
  checkedStat(path);
  const file = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(START_BYTES);
    const start = buffer.subarray(0, readSync(file, buffer));
    if (isFqz(start)) return 'fqz';
    return isKeras(start) ? 'keras' : 'onnx';
  } finally {
    closeSync(file);
  }
}

/** The size of a file, or of the files in a folder. */
function sizeOf(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size;
  const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { name }) => sum + statSync(join(path, name)).size, 0);
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
    if (file.format !== 'fqz')
      throw new TypeError(`backend ${backend} runs .fqz files, ${path} is none: fqz convert, or --backend onnxruntime`);
    const { openInRuntime } = await import('./open-in-runtime.ts');
    return openInRuntime(file.content, { backend, ...(width !== undefined && { width }) });
  }
  if (width !== undefined) throw new TypeError('--width needs --backend wasm or js');
  if (file.format !== 'fqz') return { session: await openOnnx(writeOnnx(file.model), options) };
  const { preparation, labels } = file.archive;
  return {
    session: await openArchive(file.archive, options),
    ...(preparation && { preparation }),
    ...(labels && { labels }),
  };
}
