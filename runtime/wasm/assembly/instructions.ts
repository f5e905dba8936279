/**
 * The instructions of element-wise programs, one loop over vectors of four words each: see ../../kernels/opcodes.ts for
 * what they compute. The loops differ by a class whose method the compiler inlines; no object of it is ever made.
 */
import {
  ABS,
  ADD,
  ADD_INT,
  AND,
  CEIL,
  DIV,
  EQ,
  EQ_INT,
  ERF,
  EXP,
  FLOAT_TO_INT,
  FLOOR,
  INT_TO_FLOAT,
  IS_NAN,
  LE,
  LE_INT,
  LOG,
  LT,
  LT_INT,
  MAX,
  MAX_INT,
  MIN,
  MIN_INT,
  MUL,
  MUL_INT,
  NEG,
  OR,
  ROUND,
  SELECT,
  SIGMOID,
  SIGN,
  SQRT,
  SUB,
  SUB_INT,
  TANH,
  XOR,
} from '../../kernels/opcodes';
import { rare } from './host';
import { erf, exp, log, sigmoid, splat, tanh } from './vector-math';

interface Unary {
  apply(a: v128): v128;
}

/** Combines two vectors: also what reductions and pools fold with. */
export interface Binary {
  apply(a: v128, b: v128): v128;
}

/**
 * Runs one instruction: `count` words, rounded up to a multiple of eight, from `a`, `b` and `c` to `y`, which may be one
 * of them. A step is 32 bytes, or 0 for a source that repeats eight equal words.
 */
export function execute(
  opcode: i32,
  y: usize,
  count: i32,
  a: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
): void {
  if (count <= 0) return;
  const end = y + ((<usize>count) << 2);
  switch (opcode) {
    case ADD:
      return binary<Add>(y, end, a, aStep, b, bStep);
    case SUB:
      return binary<Sub>(y, end, a, aStep, b, bStep);
    case MUL:
      return binary<Mul>(y, end, a, aStep, b, bStep);
    case DIV:
      return binary<Div>(y, end, a, aStep, b, bStep);
    case MIN:
      return binary<Min>(y, end, a, aStep, b, bStep);
    case MAX:
      return binary<Max>(y, end, a, aStep, b, bStep);
    case NEG:
      return unary<Neg>(y, end, a, aStep);
    case ABS:
      return unary<Abs>(y, end, a, aStep);
    case SQRT:
      return unary<Sqrt>(y, end, a, aStep);
    case EXP:
      return unary<Exp>(y, end, a, aStep);
    case LOG:
      return unary<Log>(y, end, a, aStep);
    case TANH:
      return unary<Tanh>(y, end, a, aStep);
    case SIGMOID:
      return unary<Sigmoid>(y, end, a, aStep);
    case ERF:
      return unary<Erf>(y, end, a, aStep);
    case CEIL:
      return unary<Ceil>(y, end, a, aStep);
    case FLOOR:
      return unary<Floor>(y, end, a, aStep);
    case ROUND:
      return unary<Round>(y, end, a, aStep);
    case SIGN:
      return unary<Sign>(y, end, a, aStep);
    case EQ:
      return binary<Eq>(y, end, a, aStep, b, bStep);
    case LT:
      return binary<Lt>(y, end, a, aStep, b, bStep);
    case LE:
      return binary<Le>(y, end, a, aStep, b, bStep);
    case IS_NAN:
      return unary<IsNaN>(y, end, a, aStep);
    case ADD_INT:
      return binary<AddInt>(y, end, a, aStep, b, bStep);
    case SUB_INT:
      return binary<SubInt>(y, end, a, aStep, b, bStep);
    case MUL_INT:
      return binary<MulInt>(y, end, a, aStep, b, bStep);
    case MIN_INT:
      return binary<MinInt>(y, end, a, aStep, b, bStep);
    case MAX_INT:
      return binary<MaxInt>(y, end, a, aStep, b, bStep);
    case AND:
      return binary<And>(y, end, a, aStep, b, bStep);
    case OR:
      return binary<Or>(y, end, a, aStep, b, bStep);
    case XOR:
      return binary<Xor>(y, end, a, aStep, b, bStep);
    case EQ_INT:
      return binary<EqInt>(y, end, a, aStep, b, bStep);
    case LT_INT:
      return binary<LtInt>(y, end, a, aStep, b, bStep);
    case LE_INT:
      return binary<LeInt>(y, end, a, aStep, b, bStep);
    case SELECT:
      return select(y, end, a, aStep, b, bStep, c, cStep);
    case INT_TO_FLOAT:
      return unary<IntToFloat>(y, end, a, aStep);
    case FLOAT_TO_INT:
      return unary<FloatToInt>(y, end, a, aStep);
    default:
      rare(opcode, y, a, <i32>aStep >> 3, b, <i32>bStep >> 3, count);
  }
}

// For the words behind the last whole eight.
const rest: usize = memory.data(32, 16);

/** As `execute`, but never writes a word more than `count`. */
export function executeExactly(
  opcode: i32,
  y: usize,
  count: i32,
  a: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
): void {
  const whole = count & -8;
  execute(opcode, y, whole, a, aStep, b, bStep, c, cStep);
  if (whole === count) return;
  const eights = <usize>whole >> 3;
  execute(opcode, rest, count & 7, a + aStep * eights, aStep, b + bStep * eights, bStep, c + cStep * eights, cStep);
  y += (<usize>whole) << 2;
  let vector = v128.load(rest);
  if (count & 4) {
    v128.store(y, vector);
    vector = v128.load(rest, 16);
    y += 16;
  }
  if (count & 3) storeSome(y, vector, count & 3);
}

/** Lays out at `y` a word in every lane of `value` as a source that repeats it: its step is 0. */
export function repeat(y: usize, value: v128): void {
  v128.store(y, value);
  v128.store(y, value, 16);
}

/** `execute` of an instruction with two sources, neither of which repeats. */
export function combine(opcode: i32, y: usize, count: i32, a: usize, b: usize): void {
  execute(opcode, y, count, a, 32, b, 32, 0, 0);
}

/** `executeExactly` of an instruction with two sources, neither of which repeats. */
export function combineExactly(opcode: i32, y: usize, count: i32, a: usize, b: usize): void {
  executeExactly(opcode, y, count, a, 32, b, 32, 0, 0);
}

/** Writes the first one to three lanes. */
export function storeSome(y: usize, value: v128, lanes: i32): void {
  if (lanes & 2) {
    v128.store64_lane(y, value, 0);
    if (lanes & 1) v128.store32_lane(y, value, 2, 8);
  } else {
    v128.store32_lane(y, value, 0);
  }
}

// One vector at a time, so that what it does is called once and thus inlined: these functions are long.
function unary<T extends Unary>(y: usize, end: usize, a: usize, aStep: usize): void {
  const lanes = changetype<T>(0);
  do {
    v128.store(y, lanes.apply(v128.load(a)));
    a += aStep >> 1;
    y += 16;
  } while (y < end);
}

function binary<T extends Binary>(y: usize, end: usize, a: usize, aStep: usize, b: usize, bStep: usize): void {
  const lanes = changetype<T>(0);
  do {
    v128.store(y, lanes.apply(v128.load(a), v128.load(b)));
    v128.store(y, lanes.apply(v128.load(a, 16), v128.load(b, 16)), 16);
    a += aStep;
    b += bStep;
    y += 32;
  } while (y < end);
}

function select(y: usize, end: usize, a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cStep: usize): void {
  do {
    for (let i: usize = 0; i < 32; i += 16) {
      const isZero = i32x4.eq(v128.load(a + i), i32x4.splat(0));
      v128.store(y + i, v128.bitselect(v128.load(c + i), v128.load(b + i), isZero));
    }
    a += aStep;
    b += bStep;
    c += cStep;
    y += 32;
  } while (y < end);
}

/** A mask of lanes as 1 or 0. */
function flag(mask: v128): v128 {
  return i32x4.neg(mask);
}

export class Add {
  apply(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
}
class Sub {
  apply(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
}
class Mul {
  apply(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
}
class Div {
  apply(a: v128, b: v128): v128 {
    return f32x4.div(a, b);
  }
}
// The pseudo-minimum and maximum keep a NaN of the first source, and are several times as fast as the others.
class Min {
  apply(a: v128, b: v128): v128 {
    return v128.or(f32x4.pmin(a, b), f32x4.ne(b, b));
  }
}
export class Max {
  apply(a: v128, b: v128): v128 {
    return v128.or(f32x4.pmax(a, b), f32x4.ne(b, b));
  }
}
class Neg {
  apply(a: v128): v128 {
    return f32x4.neg(a);
  }
}
class Abs {
  apply(a: v128): v128 {
    return f32x4.abs(a);
  }
}
class Sqrt {
  apply(a: v128): v128 {
    return f32x4.sqrt(a);
  }
}
class Exp {
  apply(a: v128): v128 {
    return exp(a);
  }
}
class Log {
  apply(a: v128): v128 {
    return log(a);
  }
}
class Tanh {
  apply(a: v128): v128 {
    return tanh(a);
  }
}
class Sigmoid {
  apply(a: v128): v128 {
    return sigmoid(a);
  }
}
class Erf {
  apply(a: v128): v128 {
    return erf(a);
  }
}
class Ceil {
  apply(a: v128): v128 {
    return f32x4.ceil(a);
  }
}
class Floor {
  apply(a: v128): v128 {
    return f32x4.floor(a);
  }
}
class Round {
  apply(a: v128): v128 {
    return f32x4.nearest(a);
  }
}
class Sign {
  apply(a: v128): v128 {
    const positive = v128.and(f32x4.gt(a, splat(0)), splat(1));
    return v128.or(positive, v128.and(f32x4.lt(a, splat(0)), splat(-1)));
  }
}
class Eq {
  apply(a: v128, b: v128): v128 {
    return flag(f32x4.eq(a, b));
  }
}
class Lt {
  apply(a: v128, b: v128): v128 {
    return flag(f32x4.lt(a, b));
  }
}
class Le {
  apply(a: v128, b: v128): v128 {
    return flag(f32x4.le(a, b));
  }
}
class IsNaN {
  apply(a: v128): v128 {
    return flag(f32x4.ne(a, a));
  }
}
class AddInt {
  apply(a: v128, b: v128): v128 {
    return i32x4.add(a, b);
  }
}
class SubInt {
  apply(a: v128, b: v128): v128 {
    return i32x4.sub(a, b);
  }
}
class MulInt {
  apply(a: v128, b: v128): v128 {
    return i32x4.mul(a, b);
  }
}
class MinInt {
  apply(a: v128, b: v128): v128 {
    return i32x4.min_s(a, b);
  }
}
class MaxInt {
  apply(a: v128, b: v128): v128 {
    return i32x4.max_s(a, b);
  }
}
class And {
  apply(a: v128, b: v128): v128 {
    return v128.and(a, b);
  }
}
class Or {
  apply(a: v128, b: v128): v128 {
    return v128.or(a, b);
  }
}
class Xor {
  apply(a: v128, b: v128): v128 {
    return v128.xor(a, b);
  }
}
class EqInt {
  apply(a: v128, b: v128): v128 {
    return flag(i32x4.eq(a, b));
  }
}
class LtInt {
  apply(a: v128, b: v128): v128 {
    return flag(i32x4.lt_s(a, b));
  }
}
class LeInt {
  apply(a: v128, b: v128): v128 {
    return flag(i32x4.le_s(a, b));
  }
}
class IntToFloat {
  apply(a: v128): v128 {
    return f32x4.convert_i32x4_s(a);
  }
}
class FloatToInt {
  apply(a: v128): v128 {
    return i32x4.trunc_sat_f32x4_s(a);
  }
}
