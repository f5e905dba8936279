/**
 * A spectrum as a row of block characters.
 */

const BLOCKS = '▁▂▃▄▅▆▇█';
const MAX_BLOCKS = 48;
/** What the lowest block stands for, relative to the highest energy. Below it there is little but rounding. */
const FLOOR_DECIBELS = -60;

/**
 * Energies from the lowest frequency to the highest, on a logarithmic scale of 60 dB from the largest. Where there are
 * more than 48, neighbours are added up. What has less is blank.
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
      const height = 1 - (10 * Math.log10(energy / largest)) / FLOOR_DECIBELS;
      return height >= 0 ? BLOCKS[Math.round(height * (BLOCKS.length - 1))]! : ' ';
    })
    .join('');
}
