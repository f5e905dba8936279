/**
 * The table of Keras' layers in Markdown, from the families of `formats/keras/layer-table.ts`.
 */

const INTRODUCTION = `# Layers of Keras

What the reader makes of each layer, by the class name that files have. A layer that is not here is somebody's own: a
file holds no code for it, and it is refused by its name and path, as are those that say "no" below.

This page is made of \`layer-table.ts\` by \`npm run layers\`; a test holds it against the code.`;

/** What the reader makes of a layer, in a few words. */
function answer(row) {
  if ('refused' in row) return `no: ${row.refused}`;
  return row.note === undefined ? 'yes' : `yes: ${row.note}`;
}

/** The page, without a line break at its end. */
export function layersPage(families) {
  const sections = Object.entries(families).map(([title, layers]) => {
    const names = Object.keys(layers).sort();
    const rows = names.map((name) => `| \`${name}\` | ${answer(layers[name])} |`);
    return [`## ${title}`, '', '| layer | read |', '|---|---|', ...rows].join('\n');
  });
  return [INTRODUCTION, ...sections].join('\n\n');
}
