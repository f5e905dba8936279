/**
 * Turns an expression into an element-wise program: the table that `Kernels.elementwise` and the epilogues of other
 * kernels read.
 */
import { MOST_REGISTERS } from '../kernels/opcodes.ts';
import { product } from '../operators/shapes.ts';
import type { Expression } from './expression.ts';
import { operandsOf } from './expression.ts';
import type { Value } from './value.ts';

/** A program as table words, and the values that its operands are. */
export interface Program {
  readonly words: readonly number[];
  readonly operands: readonly Value[];
}

/**
 * Strides that walk an array of shape `shape` as part of the larger shape `over`, 0 where it is broadcast. Throws `RangeError`
 * where the one does not fit into the other.
 */
export function broadcastStrides(shape: readonly number[], over: readonly number[]): number[] {
  const strides = new Array<number>(over.length).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const [dim, at] = [shape[axis]!, axis + over.length - shape.length];
    if (dim !== 1 && dim !== over[at]) throw new RangeError(`[${shape}] in [${over}]`);
    if (dim !== 1) strides[at] = stride;
    stride *= dim;
  }
  return strides;
}

/** Axes that can be walked as one in every operand are one in the program, and those of size 1 are none. */
function collapse(dims: readonly number[], strides: readonly (readonly number[])[]): [number[], number[][]] {
  const size: number[] = [];
  const steps: number[][] = strides.map(() => []);
  dims.forEach((dim, axis) => {
    if (dim === 1) return;
    const last = size.length - 1;
    const joins = last >= 0 && strides.every((own, at) => steps[at]![last] === own[axis]! * dim);
    if (joins) size[last]! *= dim;
    else size.push(dim);
    strides.forEach((own, at) => {
      steps[at]![joins ? last : last + 1] = own[axis]!;
    });
  });
  return [size, steps];
}

/** The program that computes `expression` over `shape`, in as few axes as possible. */
export function elementwiseProgram(expression: Expression, shape: readonly number[]): Program {
  const operands = [...operandsOf(expression)];
  const strides = operands.map((operand) => broadcastStrides(operand.shape, shape));
  const [dims, steps] = collapse(shape, strides);
  return { words: assemble(expression, operands, dims, steps), operands };
}

/** Most operands of an epilogue, besides the result that it follows. */
const EPILOGUE_OPERANDS = 3;

/**
 * The program for an epilogue over three axes: those before `split[0]`, those before `split[1]`, the rest. `undefined` where
 * an operand can't be walked that way, or there are too many.
 */
export function epilogueProgram(
  expression: Expression,
  shape: readonly number[],
  split: readonly [number, number],
): Program | undefined {
  const operands = [...operandsOf(expression)];
  if (operands.length > EPILOGUE_OPERANDS) return undefined;
  const bounds = [0, ...split, shape.length];
  const strides: number[][] = [];
  const dims = [0, 1, 2].map((group) => product(shape.slice(bounds[group]!, bounds[group + 1]!)));
  for (const operand of operands) {
    const whole = broadcastStrides(operand.shape, shape);
    const own: number[] = [];
    for (let group = 0; group < 3; group++) {
      const [from, to] = [bounds[group]!, bounds[group + 1]!];
      const [size, steps] = collapse(shape.slice(from, to), [whole.slice(from, to)]);
      if (size.length > 1) return undefined;
      own.push(steps[0]![0] ?? 0);
    }
    strides.push(own);
  }
  return {
    words: assemble(expression, operands, dims, [[dims[1]! * dims[2]!, dims[2]!, 1], ...strides]),
    operands,
  };
}

/** Number of instructions that an expression takes; shared parts count once. */
function instructionCount(expression: Expression, seen = new Set<Expression>()): number {
  if (expression.kind !== 'apply' || seen.has(expression)) return 0;
  seen.add(expression);
  return expression.sources.reduce((sum, source) => sum + instructionCount(source, seen), 1);
}

/** Most instructions of a program: longer ones would gain nothing. */
const MOST_INSTRUCTIONS = 40;

/** Whether one program can do all of an expression. */
export function isProgram(expression: Expression): boolean {
  if (instructionCount(expression) > MOST_INSTRUCTIONS) return false;
  // One more operand than it names: the result of a kernel.
  return allocate(expression, [...operandsOf(expression)], 1).registers <= MOST_REGISTERS;
}

/** The instructions of an expression, with registers for everything; operands begin at register `first`. */
function allocate(expression: Expression, operands: readonly Value[], first: number) {
  const constants: number[] = [];
  const order: Extract<Expression, { kind: 'apply' }>[] = [];
  const lastUse = new Map<Expression, number>();
  const visit = (part: Expression): void => {
    if (part.kind === 'constant' && !constants.includes(part.bits)) constants.push(part.bits);
    if (part.kind !== 'apply' || lastUse.has(part)) return;
    part.sources.forEach(visit);
    for (const source of part.sources) lastUse.set(source, order.length);
    lastUse.set(part, order.length);
    order.push(part);
  };
  visit(expression);

  const firstConstant = first + operands.length;
  const temporaries = new Map<Expression, number>();
  const free: number[] = [];
  let registers = firstConstant + constants.length;
  const registerOf = (part: Expression): number => {
    if (part.kind === 'operand') return first + operands.indexOf(part.value);
    if (part.kind === 'constant') return firstConstant + constants.indexOf(part.bits);
    return part.kind === 'result' ? 0 : temporaries.get(part)!;
  };
  const instructions = order.flatMap((part, at) => {
    const sources = part.sources.map(registerOf);
    // A source that is not needed again makes room for the result: instructions work block by block, in place.
    for (const source of new Set(part.sources)) {
      if (source.kind === 'apply' && lastUse.get(source) === at) free.push(temporaries.get(source)!);
    }
    const target = free.pop() ?? registers++;
    temporaries.set(part, target);
    return [part.opcode, target, sources[0] ?? 0, sources[1] ?? 0, sources[2] ?? 0];
  });
  return { constants, instructions, count: order.length, registers };
}

function assemble(
  expression: Expression,
  operands: readonly Value[],
  dims: readonly number[],
  strides: readonly (readonly number[])[],
): number[] {
  // Operands stand behind the result of the kernel, where there is one.
  const program = allocate(expression, operands, strides.length - operands.length);
  const { constants, instructions, count, registers } = program;
  if (registers > MOST_REGISTERS) throw new RangeError(`an element-wise program needs ${registers} registers`);
  return [
    dims.length,
    strides.length,
    constants.length,
    count,
    ...dims,
    ...strides.flat(),
    ...constants,
    ...instructions,
  ];
}
