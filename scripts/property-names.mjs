/**
 * Which properties of the bundled runtime may get shorter names: members of its own interfaces and classes that nobody outside
 * can see or look up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseSync } from 'rolldown/utils';

const MEMBERS = new Set(['TSPropertySignature', 'TSMethodSignature', 'PropertyDefinition', 'MethodDefinition']);
/** Declarations of JavaScript and of the web platform among those that TypeScript brings. */
const PLATFORM = /^lib\.(es|dom|webworker)[\w.]*\.d\.ts$/;

/**
 * The names that may be changed in `code`, which was bundled from `files`. Left alone are those that
 *
 * - TypeScript's declarations of JavaScript and the web platform have,
 * - what `entry` exports shows, itself or by the types that it mentions,
 * - stand in a text of the bundle, since objects are also asked for their members by text: operators, attributes, kernels,
 * - WebAssembly imports or exports: `others`.
 */
export function changeableNames(code, files, entry, others) {
  const kept = new Set([...others, ...platformNames(), ...publicNames(entry), ...wordsInTexts(code)]);
  return [...new Set(files.flatMap((file) => memberNames(parse(file))))].filter((name) => !kept.has(name));
}

const parse = (file) => parseSync(file, readFileSync(file, 'utf8')).program;

/** Calls `visit` for every node under `node`, until it returns `false` for one, which is then not entered. */
function walk(node, visit) {
  if (!node || typeof node !== 'object') return;
  if (typeof node.type === 'string' && visit(node) === false) return;
  for (const child of Object.values(node)) walk(child, visit);
}

/** Names of the members of every interface, object type and class in `program`. */
function memberNames(program) {
  const names = [];
  walk(program, ({ type, key }) => {
    if (MEMBERS.has(type) && key.type === 'Identifier') names.push(key.name);
  });
  return names;
}

function platformNames() {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const library = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  const folder = join(dirname(createRequire(typescript).resolve(library)), 'lib');
  const files = readdirSync(folder).filter((name) => PLATFORM.test(name));
  if (files.length === 0) throw new Error(`${folder} has no declarations of the platform`);
  return files.flatMap((name) => memberNames(parse(join(folder, name))));
}

/** Every word in the texts of `code`, but for those that are put together, which are messages. */
function wordsInTexts(code) {
  const words = [];
  walk(parseSync('bundle.js', code).program, (node) => {
    const isWhole = node.type === 'Literal' || (node.type === 'TemplateLiteral' && node.quasis.length === 1);
    const text = isWhole && (node.quasis?.[0].value.cooked ?? node.value);
    if (typeof text === 'string') words.push(...(text.match(/\w+/g) ?? []));
  });
  return words;
}

/**
 * Every name in the declarations that `entry` exports and, by name, in those that they mention; of functions in what they
 * take and return.
 */
function publicNames(entry) {
  const names = new Set();
  const done = new Set();
  const follow = (file, name) => {
    const { declarations, imports } = scopeOf(file);
    const where = imports.get(name);
    if (where) return follow(where.file, where.name);
    if (!declarations.has(name) || done.has(`${file} ${name}`)) return;
    done.add(`${file} ${name}`);
    const declaration = declarations.get(name);
    walk(declaration.id.typeAnnotation ?? declaration, (node) => {
      if (node.type === 'BlockStatement') return false;
      if (node.type !== 'Identifier') return;
      names.add(node.name);
      follow(file, node.name);
    });
  };
  const { exported } = scopeOf(entry);
  for (const { file, name } of exported) follow(file, name);
  return names;
}

const scopes = new Map();

/** What a file declares at its top, what it imports from where, and what it exports. */
function scopeOf(file) {
  if (scopes.has(file)) return scopes.get(file);
  const scope = { declarations: new Map(), imports: new Map(), exported: [] };
  const target = ({ value }) => resolve(dirname(file), value);
  for (const statement of parse(file).body) {
    const { type, source, specifiers = [] } = statement;
    const declaration = statement.declaration ?? statement;
    if (type === 'ImportDeclaration') {
      for (const { local, imported } of specifiers) {
        scope.imports.set(local.name, { file: target(source), name: imported?.name });
      }
    } else if (type === 'ExportNamedDeclaration' && source) {
      for (const { local } of specifiers) scope.exported.push({ file: target(source), name: local.name });
    } else {
      const declared = declaration.declarations ?? [declaration];
      for (const one of declared) if (one.id) scope.declarations.set(one.id.name, one);
      if (type === 'ExportNamedDeclaration')
        scope.exported.push(...declared.map(({ id }) => ({ file, name: id.name })));
    }
  }
  scopes.set(file, scope);
  return scope;
}
