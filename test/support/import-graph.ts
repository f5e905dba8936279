/**
 * Who imports whom: reads the import statements of TypeScript files, and checks them against a table.
 */
import { posix } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

/** One import of one file. */
export interface Import {
  readonly from: string;
  /** Path of a file of the map, relative to the same root; the specifier itself where it is a package. */
  readonly to: string;
  /** `import type`, `export type … from` and types written `import('…')`: gone once compiled. */
  readonly typeOnly: boolean;
}

/** What stands for a dynamic import whose specifier is computed. */
export const COMPUTED = '(computed)';

/** A row of the table: files, and what they may import. */
export interface ImportRule {
  /** See `matches`. The first row that matches a file is its rule. */
  readonly files: readonly string[];
  readonly may: readonly string[];
}

/** All imports of `files`, which are source texts by path. */
export function importsOf(files: ReadonlyMap<string, string>): Import[] {
  return [...files].flatMap(([from, source]) =>
    importsIn(source).map(({ specifier, typeOnly }) => ({
      from,
      to: specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : specifier,
      typeOnly,
    })),
  );
}

interface SyntaxNode {
  readonly type: string;
  readonly source?: { readonly value?: unknown } | null;
  readonly importKind?: string;
  readonly exportKind?: string;
}

const IMPORTING = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]);

function importsIn(source: string): { specifier: string; typeOnly: boolean }[] {
  const found: { specifier: string; typeOnly: boolean }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const node = value as SyntaxNode;
    if (IMPORTING.has(node.type) && node.source) {
      const specifier = typeof node.source.value === 'string' ? node.source.value : COMPUTED;
      const typeOnly = node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
      found.push({ specifier, typeOnly });
    }
    for (const child of Object.values(value)) visit(child);
  };
  visit(parseAst(source, { lang: 'ts' }).body);
  return found;
}

/**
 * Whether a path or specifier is what `pattern` names: itself; with `/` or `:` at the end, everything that begins so;
 * with `/*` at the end, what lies in that folder and in no folder further down.
 */
export function matches(path: string, pattern: string): boolean {
  if (pattern.endsWith('/*')) return posix.dirname(path) === pattern.slice(0, -2);
  return pattern.endsWith('/') || pattern.endsWith(':') ? path.startsWith(pattern) : path === pattern;
}

/** The imports that the table does not allow, in words; a file without a row counts as well. */
export function violations(files: ReadonlyMap<string, string>, table: readonly ImportRule[]): string[] {
  const isAny = (path: string, patterns: readonly string[]) => patterns.some((pattern) => matches(path, pattern));
  const ruleOf = (path: string) => table.find((rule) => isAny(path, rule.files));
  const homeless = [...files.keys()].filter((path) => !ruleOf(path)).map((path) => `${path} has no row in the table`);
  const missing = importsOf(files).filter(({ to }) => to.endsWith('.ts') && !files.has(to));
  const forbidden = importsOf(files).filter(({ from, to }) => !isAny(to, ruleOf(from)?.may ?? [to]));
  return [
    ...homeless,
    ...missing.map(({ from, to }) => `${from} imports ${to}, which is not there`),
    ...forbidden.map(({ from, to }) => `${from} imports ${to}`),
  ];
}

/** Everything that compiled code reaches from `entry`, itself included: files, packages and built-in modules. */
export function reachable(imports: readonly Import[], entry: string): Set<string> {
  const reached = new Set([entry]);
  // A set yields what is added while it is walked.
  for (const path of reached) {
    for (const { from, to, typeOnly } of imports) if (from === path && !typeOnly) reached.add(to);
  }
  return reached;
}

/** The groups of files that import each other in a circle, other than by type. */
export function cycles(imports: readonly Import[]): string[][] {
  const files = [...new Set(imports.map(({ from }) => from))];
  const reach = new Map(files.map((file) => [file, reachable(imports, file)]));
  const onCycle = files.filter((file) =>
    imports.some(({ from, to, typeOnly }) => from === file && !typeOnly && reach.get(to)?.has(file)),
  );
  const groups = new Map<string, string[]>();
  for (const file of onCycle) {
    const group = onCycle.filter((other) => reach.get(file)?.has(other) && reach.get(other)?.has(file));
    groups.set(group.join(), group);
  }
  return [...groups.values()];
}
