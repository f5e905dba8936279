/**
 * Takes spaces and line breaks that WGSL does not need out of the texts that shaders are put together of.
 */
import MagicString from 'magic-string';
import { parseSync } from 'rolldown/utils';

/** A plugin of rolldown, for modules whose path has `folder`: their texts are WGSL, but for those of errors. */
export function squeezeShaders(folder) {
  return {
    name: 'squeeze-shaders',
    transform(code, id) {
      if (!id.includes(folder)) return undefined;
      const text = new MagicString(code);
      squeezeTexts(text, parseSync(id, code).program);
      return { code: text.toString(), map: text.generateMap({ hires: 'boundary' }) };
    },
  };
}

/** Errors are made by `new`; the other nodes have no texts, or other ones. */
const PASSED_OVER = new Set(['NewExpression', 'ImportDeclaration']);

function squeezeTexts(text, node) {
  if (!node || typeof node !== 'object' || PASSED_OVER.has(node.type)) return;
  const { type, value, start, end } = node;
  if (type === 'TemplateElement' || (type === 'Literal' && typeof value === 'string')) {
    // With what it is set in: quotes, or the braces of what is put in.
    const given = text.original.slice(start + 1, end - (node.tail === false ? 2 : 1));
    const squeezed = squeeze(given);
    if (squeezed !== given) text.update(start + 1, start + 1 + given.length, squeezed);
    return;
  }
  for (const child of Object.values(node)) squeezeTexts(text, child);
}

/** What stands beside one of these needs no space. */
const NEAR = String.raw`[;:,{}()[\]=+*/%<>&|@]`;

/** Part of a shader without spaces that it can do without, whatever it is put between: `a - -b` is not `a--b`. */
function squeeze(wgsl) {
  const blank = String.raw`(?:\s|\\n)*`;
  return wgsl.replace(new RegExp(`${blank}(${NEAR})${blank}`, 'g'), '$1').replace(/(?<=[\w)\]]) - (?=[\w(])/g, '-');
}
