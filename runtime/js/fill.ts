/** One word, many times. */
import type { Reference } from './memory.ts';

export const fill: Reference<'fill'> = ({ words }, y, count, bits) => {
  words.fill(bits, y / 4, y / 4 + count);
};
