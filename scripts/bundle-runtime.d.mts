/** The runtime bundled for a page: see bundle-runtime.mjs. */
export interface RuntimeBundle {
  readonly code: string;
  /** The source map, as JSON. */
  readonly map: string;
  /** Paths of the files in it. */
  readonly files: readonly string[];
  /** The properties that have other names in it. */
  readonly renamed: readonly string[];
}

export function bundleRuntime(entry?: 'index' | 'auto' | 'webgpu' | 'full'): Promise<RuntimeBundle>;
