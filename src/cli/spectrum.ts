/**
 * A spectrum as a row of block characters.
 */

const BLOCKS = '▁▂▃▄▅▆▇█';
const MAX_BLOCKS = 48;
/** What the lowest block stands for, relative to the highest energy; what is below, but not zero, has it too. */
const FLOOR_DECIBELS = -60;

/**
 * Energies from the lowest frequency to the highest, on a logarithmic scale of 60 dB from the largest. Where there are
 * more than 48, neighbours are added up. Frequencies without energy are blank.
 */
export function drawSpectrum(energies: readonly number[]): string {
  const columns = Math.min(MAX_BLOCKS, energies.length);
  const sums = Array.from({ length: columns }, (_, column) => {
    const start = Math.floor((column * energies.length) / columns);
    const end = Math.floor(((column + 1) * energies.length) / columns);
    return energies.slice(start, end).reduce((sum, energy) => sum + energy, 0);
  });
  const largest = Math.max(...sums);
  return sums
    .map((energy) => {
      if (!(energy > 0)) return ' ';
      const decibels = 10 * Math.log10(energy / largest);
      const height = Math.round((1 - decibels / FLOOR_DECIBELS) * (BLOCKS.length - 1));
      return BLOCKS[Math.max(0, height)]!;
    })
    .join('');
}
