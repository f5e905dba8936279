/** The module `code`, whose source map is `map`, with functions that V8 compiles together with it: all but arrow functions of fewer than `least` characters. */
export function eagerFunctions(code: string, map: string, least?: number): { code: string; map: string };
