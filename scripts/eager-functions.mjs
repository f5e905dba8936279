/**
 * Has engines compile the functions of a module together with the module. V8 compiles a function when it is called first, one after the
 * other, unless it stands in parentheses: then it takes it for one that is called at once ("possibly invoked function
 * expression"). A runtime calls most of what it has between the bytes of a file and the first output, and compiling all at
 * once takes a fraction of the time (LeNet-5 in 776 coefficients, main thread of Node 20: 20 ms to the first output, then 14 ms).
 */
import remapping from '@jridgewell/remapping';
import MagicString from 'magic-string';
import { parseSync } from 'rolldown/utils';

/**
 * Characters of an arrow function from which on it stands in parentheses, unless told otherwise. All of them would make the module of index.ts 0.4 kB larger after brotli, and
 * that of auto.ts 0.6 kB; to the first output of a small network the main thread computes 19 ms instead of 18 (and as much less for the import).
 */
const LEAST = 150;

/**
 * The module `code` with every function that allows it as a function expression in parentheses: arrow functions that take nothing
 * from around them and have `least` characters, and the declarations at the top, which come first. `map` is the source map of `code`.
 */
export function eagerFunctions(code, map, least = LEAST) {
  const text = new MagicString(code);
  const { body } = parseSync('module.js', code).program;
  const declarations = body.filter(({ type }) => type === 'FunctionDeclaration');
  // The first may be at the beginning already, and nothing can be moved into itself.
  const top = declarations[0]?.start === 0 ? declarations[0].end : 0;
  for (const [at, { start, end, id, async, generator }] of declarations.entries()) {
    const head = `${id.name}=(${async ? 'async ' : ''}function${generator ? '*' : ''}`;
    text.update(start, id.end, (at === 0 ? 'const ' : ',') + head);
    text.appendLeft(end, at === declarations.length - 1 ? ');' : ')');
    if (start > 0) text.move(start, end, top);
  }
  for (const statement of body) walk(statement, undefined, (node, parent) => enclose(text, node, parent, least));
  const moved = text.generateMap({ hires: 'boundary' });
  return { code: text.toString(), map: remapping([moved, map], () => null).toString() };
}

function enclose(text, node, parent, least) {
  const { type, start, end, params, body } = node;
  if (type === 'FunctionExpression' && parent.type !== 'MethodDefinition' && !parent.method && isValue(parent)) {
    text.appendRight(start, '(').prependLeft(end, ')');
  }
  if (type !== 'ArrowFunctionExpression' || end - start < least || takesFromAround(params) || takesFromAround(body))
    return;
  const head = `(${node.async ? 'async ' : ''}function(`;
  const [begin, close] = body.type === 'BlockStatement' ? [')', ')'] : ['){return ', '})'];
  if (params.length === 0) text.update(start, body.start, head + begin);
  else {
    if (start < params[0].start) text.remove(start, params[0].start);
    text.appendRight(params[0].start, head).update(params.at(-1).end, body.start, begin);
  }
  // What is inside and ends here has to end before.
  text.prependLeft(end, close);
}

/** Whether a property has its function as a value, and not as a getter or setter. */
const isValue = ({ type, kind }) => type !== 'Property' || kind === 'init';

/** Whether an arrow function's inside means the `this` or the `arguments` of what is around it. */
function takesFromAround(node) {
  let takes = false;
  walk(node, undefined, ({ type, name }) => {
    takes ||= type === 'ThisExpression' || type === 'Super' || (type === 'Identifier' && name === 'arguments');
    return type !== 'FunctionExpression';
  });
  return takes;
}

/** Calls `visit` for every node under `node` with the node above it, until it returns `false` for one, which is then not entered. */
function walk(node, parent, visit) {
  if (!node || typeof node !== 'object') return;
  const isNode = typeof node.type === 'string';
  if (isNode && visit(node, parent) === false) return;
  for (const child of Object.values(node)) walk(child, isNode ? node : parent, visit);
}
