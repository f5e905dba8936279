/**
 * HDF5 files by way of h5wasm (The HDF Group's own library in WebAssembly), which is loaded when the first file is read.
 * Only what Keras writes is asked for: groups, attributes that hold text, and arrays of numbers. The library believes
 * what a file says of its sizes, so every size is held against the bytes of the file before memory is taken.
 */
import type { Metadata, Module } from 'h5wasm';
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import type { NumericTensor } from '../../src/graph/tensor.ts';
import { checkHeaps } from './hdf5-heaps.ts';
import type { KerasArray } from './keras-model.ts';
import { isHdf5 } from './signatures.ts';
import { storedArray } from './stored-array.ts';

/**
 * Opens the file in `bytes` for as long as `read` takes, which must not be asynchronous. Rejects with `FormatError` for
 * what the library cannot open, and with what `read` throws.
 */
export async function withHdf5<Result>(bytes: Uint8Array, read: (file: Hdf5File) => Result): Promise<Result> {
  if (!isHdf5(bytes)) throw damaged('its beginning');
  checkHeaps(bytes);
  const library = await loadLibrary();
  return withMemoryLimit(library.HEAPU8.length + MEMORY + bytes.length * MAX_RATIO, () => {
    const name = `model-${++opened}.h5`;
    library.FS.createDataFile('/', name, bytes, true, false, true);
    let id = -1n;
    try {
      id = guarded('its beginning', () => library.open(name, library.H5F_ACC_RDONLY, false, -1, -1));
      if (id < 0n) throw damaged('its beginning');
      return read(new Hdf5File(library, id, bytes.length));
    } finally {
      if (id >= 0n) library.close_file(id);
      library.FS.unlink(name);
    }
  });
}

/** What the library may take of memory: so much for itself, and so many times the bytes of the file. */
const MEMORY = 2 ** 26;
const MAX_RATIO = 64;

const PAGE = 2 ** 16;

/**
 * Runs `work`, which must not be asynchronous, with memories of WebAssembly kept below `limit` bytes. The library asks for
 * as much as a file says that a text or a table is long, up to 2 GB, and gives none of it back; refused, it reports that
 * it cannot read it. The memory that it exports is out of reach, so what all memories share has to be changed meanwhile.
 */
function withMemoryLimit<Result>(limit: number, work: () => Result): Result {
  const { prototype } = WebAssembly.Memory;
  const { grow } = prototype;
  prototype.grow = function (this: WebAssembly.Memory, pages) {
    if (this.buffer.byteLength + pages * PAGE > limit) throw new RangeError('the file asks for too much memory');
    return grow.call(this, pages);
  };
  try {
    return work();
  } finally {
    prototype.grow = grow;
  }
}

/** Files so far: each has a name of its own in the library's memory. */
let opened = 0;

type Library = typeof Module;

let loading: Promise<Library> | undefined;

function loadLibrary(): Promise<Library> {
  loading ??= import('h5wasm').then(async ({ ready }) => {
    const library = await ready;
    // The library tells every failure to standard error as well, over dozens of lines.
    const files = library.FS as typeof library.FS & {
      getStream(descriptor: number): Parameters<typeof library.FS.close>[0];
    };
    files.close(files.getStream(STANDARD_ERROR));
    files.open('/dev/null', 'w');
    return library;
  });
  return loading;
}

const STANDARD_ERROR = 2;

/** A file may be asked for so many objects, and for one more for so many of its bytes, which an object by far exceeds. */
const MIN_LOOKUPS = 1000;
const BYTES_PER_LOOKUP = 16;

/** An open file, valid only inside `withHdf5`. Paths are from the root. */
export class Hdf5File {
  readonly #library: Library;
  readonly #id: bigint;
  readonly #bytes: number;
  /** Bytes that arrays may still take, with filters and without: an array is stored once and read once. */
  readonly #left: { plain: number; filtered: number };
  /** How many more objects may be asked for. Groups can be inside themselves, so that there is no end of paths. */
  #lookups: number;

  constructor(library: Library, id: bigint, bytes: number) {
    this.#library = library;
    this.#id = id;
    this.#bytes = bytes;
    this.#lookups = MIN_LOOKUPS + bytes / BYTES_PER_LOOKUP;
    this.#left = { plain: bytes, filtered: bytes * MAX_RATIO };
  }

  /**
   * What is at `path`; `undefined` where nothing is, or nothing of these. Throws `FormatError` after more questions than
   * the file can have answers.
   */
  kind(path: string): 'group' | 'dataset' | undefined {
    if (this.#lookups-- < 1) throw new FormatError('Keras', 'the groups of the HDF5 file are nested without end');
    const type = guarded(path, () => this.#library.get_type(this.#id, path));
    if (type === this.#library.H5G_GROUP) return 'group';
    return type === this.#library.H5G_DATASET ? 'dataset' : undefined;
  }

  /** Names in the group at `path`; none where there is no group. */
  children(path: string): string[] {
    if (this.kind(path) !== 'group') return [];
    return guarded(path, () => this.#library.get_names(this.#id, path, false));
  }

  /**
   * The texts in an attribute of the object at `path`; `undefined` where there is no such object or attribute. Throws
   * `FormatError` for an attribute that is damaged, or holds anything but text.
   */
  texts(path: string, name: string): string[] | undefined {
    const what = `attribute ${name} of ${path}`;
    if (this.kind(path) === undefined) return undefined;
    return guarded(what, () => {
      if (!this.#hasAttribute(path, name)) return undefined;
      const library = this.#library;
      const { type, shape, total_size: count, size, vlen } = library.get_attribute_metadata(this.#id, path, name);
      if (shape === null || count === 0) return [];
      if (type !== library.H5T_class_t.H5T_STRING.value) throw new FormatError('Keras', `${what} is not text`);
      this.#checkSize(what, count * size, this.#bytes);
      const read = (at: bigint) => library.get_attribute_data(this.#id, path, name, at);
      return this.#inMemory(what, count * size, read, (at) => {
        if (!vlen) return Array.from({ length: count }, (_, index) => this.#text(at + index * size, size));
        const pointers = Array.from({ length: count }, (_, index) => this.#word(at + index * size));
        const texts = pointers.map((pointer) => this.#text(pointer));
        library.reclaim_vlen_memory(this.#id, path, name, BigInt(at));
        return texts;
      });
    });
  }

  /**
   * The dataset at `path`. Throws `FormatError` where there is none, it is damaged, or declares more than the file can
   * hold, and `UnsupportedError` for elements that are not plain numbers.
   */
  array(path: string): KerasArray {
    if (this.kind(path) !== 'dataset') throw new FormatError('Keras', `the HDF5 file has no array ${path}`);
    return guarded(path, () => {
      const library = this.#library;
      const metadata = library.get_dataset_metadata(this.#id, path);
      const { shape, chunks, total_size: count, size, virtual_sources: sources } = metadata;
      if (shape === null || sources) throw new FormatError('Keras', `${path} holds no numbers of its own`);
      const budget = library.get_dataset_filters(this.#id, path).length > 0 ? 'filtered' : 'plain';
      this.#checkSize(path, count * size, this.#left[budget]);
      // A chunk is unpacked as a whole, even where it is larger than the array.
      if (chunks) this.#checkSize(path, product(chunks) * size, this.#left[budget]);
      this.#left[budget] -= count * size;
      const read = (at: bigint) => library.get_dataset_data(this.#id, path, null, null, null, at);
      const data = this.#inMemory(path, count * size, read, (at) => library.HEAPU8.slice(at, at + count * size));
      return storedArray(path, this.#elementType(path, metadata), shape, data);
    });
  }

  #hasAttribute(path: string, name: string): boolean {
    return this.#library.get_attribute_names(this.#id, path).includes(name);
  }

  #elementType(path: string, { type, size, signed }: Metadata): NumericTensor['dtype'] | undefined {
    const { H5T_INTEGER, H5T_FLOAT, H5T_OPAQUE } = this.#library.H5T_class_t;
    if (type === H5T_FLOAT.value) return FLOATS[size];
    if (type === H5T_INTEGER.value) return (signed ? SIGNED : UNSIGNED)[size];
    // NumPy has no bfloat16 of its own, so Keras stores two nameless bytes and says so beside them.
    const isBrainFloat = type === H5T_OPAQUE.value && size === 2 && this.texts(path, 'dtype')?.[0] === 'bfloat16';
    return isBrainFloat ? 'bfloat16' : undefined;
  }

  #checkSize(what: string, size: number, limit: number): void {
    if (size <= limit) return;
    throw new FormatError('Keras', `${what} declares ${size} bytes, more than a file of ${this.#bytes} bytes can hold`);
  }

  /** What `use` makes of `size` bytes in the library's memory, which `read` fills; a negative status means failure. */
  #inMemory<Result>(what: string, size: number, read: (at: bigint) => number, use: (at: number) => Result): Result {
    const library = this.#library;
    const at = library._malloc(Math.max(size, 1));
    if (at === 0) throw new FormatError('Keras', `${what} takes ${size} bytes, more memory than there is`);
    try {
      if (read(BigInt(at)) < 0) throw damaged(what);
      return use(at);
    } finally {
      library._free(at);
    }
  }

  #word(at: number): number {
    return new DataView(this.#library.HEAPU8.buffer).getUint32(at, true);
  }

  /** The text at an address in the library's memory, up to a zero byte or `size` bytes. */
  #text(at: number, size?: number): string {
    const memory = this.#library.HEAPU8;
    const zero = memory.indexOf(0, at);
    const end = size === undefined ? zero : zero < 0 ? at + size : Math.min(zero, at + size);
    return at === 0 ? '' : new TextDecoder().decode(memory.subarray(at, end));
  }
}

const FLOATS: Readonly<Record<number, NumericTensor['dtype']>> = { 2: 'float16', 4: 'float32', 8: 'float64' };
const SIGNED: Readonly<Record<number, NumericTensor['dtype']>> = { 1: 'int8', 2: 'int16', 4: 'int32', 8: 'int64' };
const UNSIGNED: Readonly<Record<number, NumericTensor['dtype']>> = {
  1: 'uint8',
  2: 'uint16',
  4: 'uint32',
  8: 'uint64',
};

const product = (sizes: readonly number[]) => sizes.reduce((result, size) => result * size, 1);

function damaged(what: string, cause?: unknown): FormatError {
  return new FormatError('Keras', `the HDF5 file is cut or damaged: cannot read ${what}`, undefined, { cause });
}

/** Whatever the library throws, as one line of ours. */
function guarded<Result>(what: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw cause instanceof FormatError || cause instanceof UnsupportedError ? cause : damaged(what, cause);
  }
}
