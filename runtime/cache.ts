/**
 * The Cache API as a convenience: where it is missing, full or forbidden, loading goes on without it.
 */

/** A cache that never fails: what it does not give is fetched, what it does not take is fetched again next time. */
export interface FileCache {
  match(request: RequestInfo | URL): Promise<Response | undefined>;
  put(request: RequestInfo | URL, bytes: Uint8Array): Promise<void>;
}

const DEFAULT_NAME = 'fqz';
const nothing = () => undefined;

/** The cache that the option `cache` of `load` names, if there is one. */
export async function openCache(cache: boolean | string | Cache | undefined): Promise<FileCache | undefined> {
  if (!cache) return undefined;
  // Only secure contexts have `caches`, and of those a sandboxed frame may not open one.
  const isName = cache === true || typeof cache === 'string';
  const opened = isName ? await globalThis.caches?.open(cache === true ? DEFAULT_NAME : cache).catch(nothing) : cache;
  if (!opened) return undefined;
  return {
    match: (request) => opened.match(request).catch(nothing),
    put(request, bytes) {
      const headers = { 'content-length': `${bytes.length}`, 'content-type': 'application/octet-stream' };
      return opened.put(request, new Response(bytes as Uint8Array<ArrayBuffer>, { headers })).catch(nothing);
    },
  };
}
