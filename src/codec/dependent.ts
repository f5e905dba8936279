/**
 * Dependent quantisation: two quantisers of twice the step, of which one has the even multiples of the step and the other the
 * odd ones and zero. Which of them a number belongs to follows from the parities of the numbers before it, so that a chain of
 * numbers is packed more densely than a grid: trellis-coded quantisation (Marcellin and Fischer, IEEE Transactions on
 * Communications 1990) in the form of video coding (Schwarz et al., "Hybrid video coding with trellis-coded quantization",
 * DCC 2019; ITU-T H.266, 8.7.3), with Ungerboeck's trellis of eight states as in JPEG 2000 part 2, annex D.
 *
 * A number is known by its multiple of the step, or by its index within its quantiser, which is what a file codes.
 */

/** A chain starts in state 0. */
export const STATES = 8;

/** The state after a number with an even index, and after one with an odd index. */
const NEXT = [0, 1, 2, 3, 5, 4, 7, 6, 1, 0, 3, 2, 4, 5, 6, 7];

/** Which quantiser a state has: 0 for even multiples, 1 for odd ones and zero. */
export function quantizerOf(state: number): number {
  return state & 1;
}

/** The state after a number of this index. */
export function nextState(state: number, index: number): number {
  return NEXT[2 * state + (index & 1)]!;
}

/** What an index stands for, in steps. */
export function multipleOf(quantizer: number, index: number): number {
  return 2 * index - quantizer * Math.sign(index);
}

/** The index of a multiple; throws `TypeError` where the quantiser does not have it. */
export function indexOf(quantizer: number, multiple: number): number {
  const index = (multiple + quantizer * Math.sign(multiple)) / 2;
  if (!Number.isInteger(index)) throw new TypeError(`quantiser ${quantizer} has no multiple ${multiple}`);
  return index;
}
