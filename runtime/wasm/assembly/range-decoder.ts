/**
 * The numbers of a `.fqz` file, decoded as formats/fqz/SPEC.md says ("The binary decoder", "Levels", "Chains", "Float patterns"):
 * what formats/fqz/levels-code.ts, chains-code.ts and float-patterns-code.ts do, several times as fast.
 *
 * The state of the range decoder is in exported globals, which the host reads; it sets them by `resumeDecoder`. Contexts are words: the
 * probability of a 1 in 1/65536, shifted left by 8, and the number of bits seen.
 */

/** The next byte, and where reading has gone too far. */
export let next: usize = 0;
let limit: usize = 0;
export let range: u32 = 0;
export let code: u32 = 0;

/** What decoders return. */
const FINE = 0;
const OUT_OF_RANGE = 1;
const TOO_EARLY = 2;

const FLOOR = 512;
const TOP: u64 = 1 << 24;
const SLOWEST = 254;

const LARGEST_CLASS = 24;
const CLASS_CONTEXTS = LARGEST_CLASS + 1;
const NEIGHBOURHOODS = 24;
const MODELLED_BITS = 3;

const MAGNITUDE_CLASSES = 24;
const MOST_EIGHTHS = 4095;
const COLUMN_PRIOR = 3;
const ROW_PRIOR = 6;

/** Entries of a row that are decoded together. */
const CHUNK = 1024;
/** Sums of neighbours below this have their neighbourhood in a table. */
const SMALL_SUM = 256;
/** Two neighbours along each of 16 axes weigh so much. */
const LARGEST_WEIGHT = 48;

/** 1/(n + 1.5) in 1/16384 for each number of bits seen. */
const RATES: usize = memory.data(4 * (SLOWEST + 1), 16);
/** Neighbourhoods by weight and sum. */
const TABLE: usize = memory.data((LARGEST_WEIGHT + 1) * SMALL_SUM, 16);
const SUMS: usize = memory.data(4 * CHUNK, 16);
/** For each axis: the index, what the axes behind it can add to the index sum, and the size in bytes of one step. */
const INDICES: usize = memory.data(4 * 16, 16);
const BEHIND: usize = memory.data(4 * 16, 16);
const STEPS: usize = memory.data(4 * 16, 16);

function neighbourhoodOf(sum: i32, weight: i32): i32 {
  const eighths = (8 * sum) / weight;
  if (eighths < 2) return 1 + eighths;
  const octave = 31 - clz(eighths);
  return min(2 * octave + 1 + ((eighths >> (octave - 1)) & 1), NEIGHBOURHOODS - 1);
}

/** The state of a chain after an even and after an odd index. */
const NEXT_STATES: usize = memory.data<u8>([0, 1, 2, 3, 5, 4, 7, 6, 1, 0, 3, 2, 4, 5, 6, 7]);
let chainState: usize = 0;
/** What the chain's magnitudes add up to so far, from a prior on, and those of the operand. */
let chainSum: f64 = 0;
let total: f64 = 0;

/** Fills the tables; to be called once. */
export function prepareDecoder(): void {
  for (let seen = 0; seen <= SLOWEST; seen++) {
    store<i32>(RATES + ((<usize>seen) << 2), <i32>nearest(16384 / (<f64>seen + 1.5)));
  }
  for (let weight = 1; weight <= LARGEST_WEIGHT; weight++) {
    for (let sum = 0; sum < SMALL_SUM; sum++) {
      store<u8>(TABLE + <usize>(weight * SMALL_SUM + sum), <u8>neighbourhoodOf(sum, weight));
    }
  }
}

/** Sets the state. */
export function resumeDecoder(from: usize, end: usize, width: u32, value: u32): void {
  next = from;
  limit = end;
  range = width;
  code = value;
}

/** The context word after a bit that moves its probability towards `target`. */
function updated(context: i32, target: i32): i32 {
  const probability = context >> 8;
  const seen = context & 255;
  const rate = load<i32>(RATES + ((<usize>seen) << 2));
  return ((probability + (((target - probability) * rate) >> 14)) << 8) | (seen + i32(seen < SLOWEST));
}

/** Begins chain number `chain`, of `length` numbers: their shares follow from the sums of their columns. See `decodeLevels`. */
function beginChain(model: usize, length: i32, chain: i32): void {
  const mean = (total + 1) / (<f64>chain * <f64>length + 1);
  const inverse = 1 / <f64>(chain + COLUMN_PRIOR);
  let before = ROW_PRIOR * mean;
  chainSum = before;
  chainState = 0;
  for (const end = model + ((<usize>length) << 4); model < end; model += 16) {
    const column = (load<f64>(model) + COLUMN_PRIOR * mean) * inverse;
    store<f64>(model, (6 * column) / before, 8);
    before += column;
  }
}

/**
 * `count` levels of a row from `out` on, whose neighbours along other axes weigh `weight` and sum up to what is in SUMS; `place` entries
 * of the row are before it. In a chain, `model` is where the row's sums and shares are.
 */
export function decodeRow(contexts: usize, out: usize, count: i32, place: i32, weight: i32, model: usize): i32 {
  let at = next;
  let width: u64 = range;
  let value: u64 = code;
  let before = place > 0 ? abs(load<i32>(out - 4)) : 0;
  let beforeThat = place > 1 ? abs(load<i32>(out - 8)) : 0;
  let state = chainState;
  let row = chainSum;
  let magnitudes: f64 = 0;
  let near: f64 = 0;
  let nearWeight = 0;
  const mantissas = contexts + 4 * CLASS_CONTEXTS * (model ? 2 * MAGNITUDE_CLASSES : NEIGHBOURHOODS);
  for (let i = 0; i < count; i++, place++) {
    const weights = weight + min(place, 2) + i32(place > 0);
    const sum = load<i32>(SUMS + ((<usize>i) << 2)) + 2 * before + beforeThat;
    let neighbourhood = 0;
    if (model) {
      if (weights !== nearWeight) {
        nearWeight = weights;
        near = 2 / <f64>weights;
      }
      const eighths = <i32>min<f64>(row * load<f64>(model, 8) + <f64>sum * near, MOST_EIGHTHS);
      const octave = 31 - clz(eighths);
      neighbourhood = eighths < 2 ? eighths : 2 * octave + ((eighths >> (octave - 1)) & 1);
      neighbourhood += MAGNITUDE_CLASSES * <i32>(state & 1);
    } else if (weights > 0) {
      neighbourhood =
        sum < SMALL_SUM ? <i32>load<u8>(TABLE + <usize>(weights * SMALL_SUM + sum)) : neighbourhoodOf(sum, weights);
    }
    let context = contexts + <usize>(neighbourhood * 4 * CLASS_CONTEXTS);
    let bits = 0;
    for (;;) {
      const word = load<i32>(context);
      const bound = (width >> 16) * <u64>(word >> 8);
      if (value >= bound) {
        value -= bound;
        width -= bound;
        store<i32>(context, updated(word, FLOOR));
        if (width < TOP) {
          value = (value << 8) | <u64>load<u8>(at++);
          width <<= 8;
        }
        break;
      }
      width = bound;
      store<i32>(context, updated(word, 65536 - FLOOR));
      if (width < TOP) {
        value = (value << 8) | <u64>load<u8>(at++);
        width <<= 8;
      }
      if (++bits > LARGEST_CLASS) return OUT_OF_RANGE;
      context += 4;
    }
    beforeThat = before;
    before = 0;
    let level = 0;
    let number = 0;
    if (bits > 0) {
      number = 1;
      let left = bits - 1;
      const own = mantissas + ((<usize>bits) << (MODELLED_BITS + 2));
      for (const direct = max(left - MODELLED_BITS, 0); left > direct; left--) {
        // Without branches: such a bit is hard to foresee.
        context = own + ((<usize>number) << 2);
        const word = load<i32>(context);
        const bound = <i64>((width >> 16) * <u64>(word >> 8));
        const difference = <i64>value - bound;
        const isOne = difference >> 63;
        value = <u64>(difference + (bound & isOne));
        width = <u64>(<i64>width - bound + (isOne & (2 * bound - <i64>width)));
        number = 2 * number - <i32>isOne;
        store<i32>(context, updated(word, FLOOR + (<i32>isOne & (65536 - 2 * FLOOR))));
        if (width < TOP) {
          value = (value << 8) | <u64>load<u8>(at++);
          width <<= 8;
        }
      }
      while (left > 0) {
        const group = min(left, 16);
        left -= group;
        width >>= <u64>group;
        const found = min(<u32>value / <u32>width, (1 << group) - 1);
        value -= <u64>found * width;
        number = (number << group) | found;
        while (width < TOP) {
          value = (value << 8) | <u64>load<u8>(at++);
          width <<= 8;
        }
      }
      width >>= 1;
      const difference = <i64>value - <i64>width;
      const isPositive = difference >> 63;
      value = <u64>(difference + (<i64>width & isPositive));
      const sign = ~(<i32>isPositive);
      before = model ? 2 * number - <i32>(state & 1) : number;
      level = (before ^ sign) - sign;
      if (width < TOP) {
        value = (value << 8) | <u64>load<u8>(at++);
        width <<= 8;
      }
    }
    if (at > limit) return TOO_EARLY;
    store<i32>(out + ((<usize>i) << 2), level);
    if (model) {
      state = load<u8>(NEXT_STATES + 2 * state + (<usize>number & 1));
      const magnitude = <f64>before;
      row += magnitude;
      magnitudes += magnitude;
      store<f64>(model, load<f64>(model) + magnitude);
      model += 16;
    }
  }
  next = at;
  range = <u32>width;
  code = <u32>value;
  chainState = state;
  chainSum = row;
  total += magnitudes;
  return FINE;
}

/** Adds the magnitudes of neighbours, shifted left by `shift`, to SUMS. */
function addNeighbours(from: usize, count: i32, shift: i32): void {
  // Up to three words more than there are, which nobody looks at.
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const magnitudes = i32x4.abs(v128.load(from + at));
    v128.store(SUMS + at, i32x4.add(v128.load(SUMS + at), i32x4.shl(magnitudes, shift)));
  }
}

/**
 * All levels of an operand, frequency by frequency, each with its plain entries in row-major order, into `out` (zeros before), which is
 * row-major over the frequency axes and then the plain ones. `shape` holds the sizes of the axes, the `frequencyRank`
 * frequency axes first; `frequencies` of them are coded. `contexts` are those of the classes, then those of the mantissas.
 *
 * With a `model`, the first axis is that of chains: all of the first chain come before those of the second. There, zeros before, are two
 * numbers for each entry of a chain: the sum of its column's magnitudes, and what is to be expected there in parts of the row so far.
 */
export function decodeLevels(
  contexts: usize,
  out: usize,
  shape: usize,
  frequencyRank: i32,
  rank: i32,
  frequencies: i32,
  model: usize,
): i32 {
  const first = i32(model !== 0);
  const plain = first + frequencyRank;
  let bytes = 4;
  let plane = 4;
  for (let axis = rank - 1; axis >= 0; axis--) {
    const at = (<usize>axis) << 2;
    store<i32>(STEPS + at, bytes);
    store<i32>(INDICES + at, 0);
    store<i32>(BEHIND + at, axis + 1 < plain ? load<i32>(BEHIND + at, 4) + load<i32>(shape + at, 4) - 1 : 0);
    bytes *= load<i32>(shape + at);
    if (axis === plain) plane = bytes;
  }
  const columns = rank > plain ? load<i32>(shape + ((<usize>(rank - 1)) << 2)) : 1;
  const rows = plane / (4 * columns);
  // The last plain axis is the row itself.
  const outer = max(rank - 1, plain);
  const chains = model ? load<i32>(shape) : 1;
  total = 0;
  for (let chain = 0; chain < chains; chain++) {
    if (model) {
      store<i32>(INDICES, chain);
      beginChain(model, rows * columns * frequencies, chain);
    }
    let own = model;
    for (let visited = 0, sum = 0; visited < frequencies; sum++) {
      spread(first, plain, sum);
      do {
        let target = out;
        for (let axis = 0; axis < plain; axis++) {
          target += load<i32>(INDICES + ((<usize>axis) << 2)) * load<i32>(STEPS + ((<usize>axis) << 2));
        }
        for (let row = 0; row < rows; row++) {
          for (let begin = 0; begin < columns; begin += CHUNK) {
            const count = min(CHUNK, columns - begin);
            memory.fill(SUMS, 0, (<usize>count) << 2);
            let weight = 0;
            for (let axis = 0; axis < outer; axis++) {
              const back = load<i32>(INDICES + ((<usize>axis) << 2));
              const step = load<i32>(STEPS + ((<usize>axis) << 2));
              if (back > 0) {
                addNeighbours(target - step, count, 1);
                weight += 2;
              }
              if (back > 1) {
                addNeighbours(target - 2 * step, count, 0);
                weight += 1;
              }
            }
            const error = decodeRow(contexts, target, count, begin, weight, own);
            if (error) return error;
            target += (<usize>count) << 2;
            if (model) own += (<usize>count) << 4;
          }
          for (let axis = outer - 1; axis >= plain; axis--) {
            const at = (<usize>axis) << 2;
            const index = load<i32>(INDICES + at) + 1;
            const isOver = index === load<i32>(shape + at);
            store<i32>(INDICES + at, isOver ? 0 : index);
            if (!isOver) break;
          }
        }
      } while (++visited < frequencies && advance(shape, first, plain));
    }
  }
  return FINE;
}

/** Gives the axes from `first` on the index sum `sum`, the earlier ones as little of it as possible. */
function spread(first: i32, rank: i32, sum: i32): void {
  for (let axis = first; axis < rank; axis++) {
    const index = max(0, sum - load<i32>(BEHIND + ((<usize>axis) << 2)));
    store<i32>(INDICES + ((<usize>axis) << 2), index);
    sum -= index;
  }
}

/** The next frequency of the same index sum: the last axis that can take one from those behind it does so. */
function advance(shape: usize, first: i32, rank: i32): bool {
  for (let axis = rank - 1, tail = 0; axis >= first; axis--) {
    const at = (<usize>axis) << 2;
    const index = load<i32>(INDICES + at);
    if (tail > 0 && index + 1 < load<i32>(shape + at)) {
      store<i32>(INDICES + at, index + 1);
      spread(axis + 1, rank, tail - 1);
      return true;
    }
    tail += index;
  }
  return false;
}

/** A number of `bits` bits as a tree, highest first. Without branches: such bits are hard to foresee. */
function tree(contexts: usize, bits: i32): i32 {
  let at = next;
  let width: u64 = range;
  let value: u64 = code;
  let node = 1;
  for (let left = bits; left > 0; left--) {
    const context = contexts + ((<usize>node) << 2);
    const word = load<i32>(context);
    const bound = <i64>((width >> 16) * <u64>(word >> 8));
    const difference = <i64>value - bound;
    const isOne = difference >> 63;
    value = <u64>(difference + (bound & isOne));
    width = <u64>(<i64>width - bound + (isOne & (2 * bound - <i64>width)));
    node = 2 * node - <i32>isOne;
    store<i32>(context, updated(word, FLOOR + (<i32>isOne & (65536 - 2 * FLOOR))));
    if (width < TOP) {
      value = (value << 8) | <u64>load<u8>(at++);
      width <<= 8;
    }
  }
  next = at;
  range = <u32>width;
  code = <u32>value;
  return node - (1 << bits);
}

/** `bits` (1 to 16) bits without a context. */
function direct(bits: i32): i32 {
  range >>= bits;
  const value = min(code / range, (1 << bits) - 1);
  code -= value * range;
  while (range < <u32>TOP) {
    code = (code << 8) | <u32>load<u8>(next++);
    range <<= 8;
  }
  return value;
}

/**
 * `count` bit patterns of a type with these numbers of bits, of whose mantissa the `unused` lowest are 0, as words from `out`
 * on. `contexts`: a tree of exponents behind each exponent, the flags of zero and its sign, the tree of the highest mantissa bits. The
 * exponent before the first is `before`; returns the last exponent, or −1 where the bytes end too early.
 */
export function decodePatterns(
  contexts: usize,
  out: usize,
  count: i32,
  exponentBits: i32,
  mantissaBits: i32,
  unused: i32,
  before: i32,
): i32 {
  const flags = contexts + (4 << (2 * <usize>exponentBits));
  const signPlace = exponentBits + mantissaBits;
  for (let i = 0; i < count; i++) {
    before = tree(contexts + (((<usize>before) << exponentBits) << 2), exponentBits);
    let pattern: i32;
    // A tree of one bit has its context at number 1.
    if (before === 0 && tree(flags - 4, 1)) {
      pattern = tree(flags, 1) << signPlace;
    } else {
      pattern = (direct(1) << signPlace) | (before << mantissaBits);
      let left = mantissaBits - 2;
      pattern |= tree(flags + 8, 2) << left;
      left = max(left - unused, 0);
      let low = 0;
      while (left > 0) {
        const group = min(left, 16);
        left -= group;
        low = (low << group) | direct(group);
      }
      pattern |= low << unused;
    }
    if (next > limit) return -1;
    store<i32>(out + ((<usize>i) << 2), pattern);
  }
  return before;
}
