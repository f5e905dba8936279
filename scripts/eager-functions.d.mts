/** The module `code`, whose source map is `map`, with functions that V8 compiles together with it. */
export function eagerFunctions(code: string, map: string): { code: string; map: string };
