/**
 * Builds a plan: walks the nodes of the graph with concrete shapes, lets every operator lower itself to steps, and melts
 * element-wise operators into each other and into the kernels before them.
 */
import type { TensorNetwork } from '../../src/codec/network.ts';
import { UnsupportedError } from '../../src/errors.ts';
import type { DType } from '../../src/graph/dtype.ts';
import type { Node } from '../../src/graph/graph.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { floatOf } from '../half.ts';
import type { AllKernels } from '../kernels/all-kernels.ts';
import { MAX, MIN } from '../kernels/opcodes.ts';
import { FREQUENCY_OPERATORS } from '../operators/frequency.ts';
import type { Arguments, Inputs, Lowering, Operators } from '../operators/operator.ts';
import {
  type Argument,
  type Buffer,
  type PackedLayout,
  type TemporaryBuffer,
  type WeightLayout,
  wordsOfFloats,
} from './buffer.ts';
import { clampParts, type Expanded } from './expanded.ts';
import {
  type Expression,
  expressionOf,
  float,
  integer,
  operand,
  operandsOf,
  substitute,
  type Term,
} from './expression.ts';
import type { Step } from './plan.ts';
import { elementwiseProgram, epilogueProgram, isProgram } from './program.ts';
import { materialiseExpanded } from './project.ts';
import {
  type Epilogue,
  isIntegral,
  type Part,
  type Pending,
  type Producer,
  sameShape,
  sizeOf,
  type Value,
} from './value.ts';
import { layoutWords, packNumbers } from './weight-layout.ts';

/** Thrown where a shape depends on the elements of a value that the plan does not know. */
export class NeedsNumbers extends Error {
  readonly value: Value;
  /** The operator that needs them, and the inputs of the graph that they come from: filled in by `makePlan`. */
  op = '';
  inputs: readonly string[] = [];

  constructor(value: Value) {
    super('a shape depends on numbers that are computed');
    this.value = value;
  }
}

const MOST_OPERANDS = 6;
const none = () => undefined;
const NO_EPILOGUE: Epilogue = [-Infinity, Infinity, 0, 0, 0, 0];

/** Evaluates a node whose inputs are all known; `undefined` where that is not worth it. */
export type Fold = (node: Node, inputs: readonly (Value | undefined)[]) => readonly Value[] | undefined;

export class Builder implements Lowering {
  readonly opset: number;
  readonly steps: Step[] = [];
  private readonly operators: Operators;
  private readonly fold: Fold;
  private readonly constants = new Map<string, Buffer>();
  private op = '';
  /** Whether the value that is being made will be asked for in more than one place. */
  private isShared = false;
  /** Number of the node that is being lowered. */
  private node = 0;

  constructor(opset: number, operators: Operators, fold: Fold) {
    this.opset = opset;
    this.operators = operators;
    this.fold = fold;
  }

  /** Lowers a node; `readers` is how many nodes will ask for its result, `shared` whether in more than one place. */
  lower(node: Node, inputs: Inputs, shared: boolean, readers = 1): readonly Value[] {
    const lower = this.operators[node.op];
    if (!lower || node.domain !== '')
      throw new UnsupportedError(`operator ${node.domain}${node.domain && '.'}${node.op}`);
    const given = inputs.filter((input) => input !== undefined);
    if (given.length > 0 && given.every(({ known }) => known)) {
      const folded = this.fold(node, inputs);
      if (folded) return folded;
    }
    this.op = node.op;
    this.isShared = shared;
    this.node++;
    const results = FREQUENCY_OPERATORS[node.op]?.(this, node, inputs) ?? lower(this, node, inputs);
    for (const result of results) result.readers ??= readers;
    return results;
  }

  step<K extends keyof AllKernels>(kernel: K, ...args: Arguments<Parameters<AllKernels[K]>>): void {
    const given = args.map(
      (argument = 0): Argument =>
        typeof argument === 'object' && 'dtype' in argument ? this.buffer(argument) : argument,
    );
    this.steps.push({ kernel, args: given, op: this.op });
  }

  temporary(words: number): TemporaryBuffer {
    return { kind: 'temporary', words };
  }

  table(words: ArrayLike<number>): Buffer {
    const contents = Int32Array.from(words);
    return { kind: 'table', words: contents.length, contents };
  }

  floatTable(numbers: ArrayLike<number>): Buffer {
    return this.table(wordsOfFloats(numbers));
  }

  tensor(dtype: DType, shape: readonly number[], buffer: Buffer = this.temporary(elementCount(shape))): Value {
    return { dtype, shape, shared: this.isShared, buffer };
  }

  view(value: Value, shape: readonly number[], dtype: DType = value.dtype): Value {
    if (elementCount(shape) !== sizeOf(value)) throw new RangeError(`[${value.shape}] as [${shape}]`);
    if (value.known) return this.constant(dtype, shape, value.known);
    if (value.weight !== undefined) return { ...value, dtype, shape };
    return this.tensor(dtype, shape, this.buffer(value));
  }

  constant(dtype: DType, shape: readonly number[], numbers: readonly number[]): Value {
    return { dtype, shape, known: numbers, shared: this.isShared };
  }

  derived(weight: Value | undefined, network: TensorNetwork): Value {
    const { expression, shape } = network;
    // Of the shape of its result, the cosines' own network is a function.
    const key = `${weight?.weight ?? ''} ${expression} ${shape}`;
    return { dtype: weight?.dtype ?? 'float32', shape, shared: this.isShared, weight: key, network };
  }

  numbers(value: Value): readonly number[] {
    if (!value.known) throw new NeedsNumbers(value);
    return value.known;
  }

  expand(dtype: DType, shape: readonly number[], expanded: Expanded): Value {
    return { dtype, shape, shared: this.isShared, expanded };
  }

  elementwise(dtype: DType, shape: readonly number[], term: Term): Value {
    const expression = expressionOf(term);
    const clamped = this.clampExpanded(shape, expression);
    if (clamped) return this.expand(dtype, shape, clamped);
    return { dtype, shape, shared: this.isShared, pending: this.join(shape, expression) };
  }

  produce(dtype: DType, shape: readonly number[], producer: Producer): Value {
    const pending: Pending = { expression: { kind: 'result' }, producer, parts: [] };
    return { dtype, shape, shared: this.isShared, pending };
  }

  buffer(value: Value): Buffer {
    value.buffer ??= this.materialise(value);
    return value.buffer;
  }

  packed(value: Value, layout: PackedLayout): Buffer {
    const { side, batches, batchStride, rowStride, columnStride, rows, columns } = layout;
    const words = layoutWords(layout, 0);
    if (value.weight !== undefined) return this.weightBuffer(value, words, layout);
    if (value.known) return this.table(packNumbers(value.known, layout));
    const target = this.temporary(words);
    const kernel = side === 'rows' ? 'packRows' : 'packColumns';
    this.step(kernel, this.buffer(value), batches, batchStride, rowStride, columnStride, rows, columns, target);
    return target;
  }

  private weightBuffer({ weight, network }: Value, words: number, layout: WeightLayout): Buffer {
    const key = `${weight} ${JSON.stringify(layout)}`;
    let buffer = this.constants.get(key);
    if (!buffer) {
      buffer = { kind: 'constant', words, key, source: network ?? weight!, layout };
      this.constants.set(key, buffer);
    }
    return buffer;
  }

  /** The expression with pending operands melted in, and at most one producer under it. */
  private join(shape: readonly number[], given: Expression): Pending {
    let expression = substitute(given, scalar);
    let producer: Producer | undefined;
    const parts: Part[] = [];
    for (const operand of operandsOf(expression)) {
      const { pending } = operand;
      if (!pending || operand.shared || operand.buffer || !sameShape(operand.shape, shape)) continue;
      const joined = substitute(expression, (value) => (value === operand ? pending.expression : undefined));
      if (!isProgram(joined)) continue;
      if (pending.producer) {
        if ((producer && producer !== pending.producer) || !accepts(pending.producer, joined, shape)) continue;
        producer = pending.producer;
      } else if (producer ? !accepts(producer, joined, shape) : operandsOf(joined).size > MOST_OPERANDS) {
        continue;
      }
      expression = joined;
      if ((operand.readers ?? 1) > 1) parts.push({ value: operand, expression: pending.expression, node: this.node });
      parts.push(...pending.parts);
    }
    for (const operand of operandsOf(expression)) this.buffer(operand);
    return { expression, parts, ...(producer && { producer }) };
  }

  /** An expanded value may be clamped before its channels are there. */
  private clampExpanded(shape: readonly number[], given: Expression): Expanded | undefined {
    const expression = substitute(given, scalar);
    const [only, ...others] = operandsOf(expression);
    if (!only?.expanded || others.length > 0 || only.buffer || !sameShape(only.shape, shape)) return undefined;
    const range = clampOf(substitute(expression, () => ({ kind: 'result' })));
    return range && clampParts(only.expanded, ...range);
  }

  private materialise(value: Value): Buffer {
    if (value.expanded) return materialiseExpanded(this, value);
    if (value.known) return isIntegral(value.dtype) ? this.table(value.known) : this.floatTable(value.known);
    if (value.weight !== undefined) return this.weightBuffer(value, sizeOf(value), { side: 'plain' });
    const { pending } = value;
    if (!pending) throw new Error('a value has neither elements nor a way to them');
    delete value.pending;
    const { expression, producer, parts } = pending;
    const whole = new Map(parts.map((part) => [part.expression, operand(part.value)]));
    const readers = (part: Part) =>
      new Set(parts.flatMap(({ value: of, node }) => (of === part.value ? [node] : []))).size;
    if (parts.some((part) => readers(part) < part.value.readers!)) {
      // A part is needed elsewhere after all, so that it is made only once.
      for (const part of parts) this.buffer(part.value);
      return this.emitProgram(substitute(expression, none, whole), value.shape);
    }
    if (producer) {
      const target = this.temporary(sizeOf(value));
      producer.emit(target, this.epilogue(expression, producer, value.shape));
      return target;
    }
    return this.emitProgram(expression, value.shape);
  }

  private emitProgram(expression: Expression, shape: readonly number[]): Buffer {
    if (expression.kind === 'operand' && sameShape(expression.value.shape, shape)) return this.buffer(expression.value);
    const target = this.temporary(elementCount(shape));
    if (target.words === 0) return target;
    if (expression.kind === 'constant') {
      this.step('fill', target, target.words, expression.bits);
      return target;
    }
    const { words, operands } = elementwiseProgram(expression, shape);
    const places = operands.map((operand) => this.buffer(operand));
    const args = [this.table(words), target, ...places, 0, 0, 0, 0, 0, 0].slice(0, MOST_OPERANDS + 2);
    const replaceable = operands.flatMap((operand, at): TemporaryBuffer[] => {
      const place = places[at]!;
      return place.kind === 'temporary' && sameShape(operand.shape, shape) ? [place] : [];
    });
    this.steps.push({ kernel: 'elementwise', args, op: this.op, inPlace: { result: target, operands: replaceable } });
    return target;
  }

  private epilogue(expression: Expression, { split }: Producer, shape: readonly number[]): Epilogue {
    const range = clampOf(expression);
    if (range) return [...range, 0, 0, 0, 0];
    const { words, operands } = epilogueProgram(expression, shape, split)!;
    const places: Argument[] = operands.map((operand) => this.buffer(operand));
    const [c1 = 0, c2 = 0, c3 = 0] = places;
    return [NO_EPILOGUE[0], NO_EPILOGUE[1], this.table(words), c1, c2, c3];
  }
}

/** A known number, where a value is one. */
function scalar(value: Value): Expression | undefined {
  if (!value.known || sizeOf(value) !== 1) return undefined;
  return isIntegral(value.dtype) ? integer(value.known[0]!) : float(value.known[0]!);
}

function accepts(producer: Producer, expression: Expression, shape: readonly number[]): boolean {
  if (clampOf(expression)) return true;
  return !producer.clampOnly && epilogueProgram(expression, shape, producer.split) !== undefined;
}

/** The range that an expression clamps the kernel's result to, where it does nothing else. */
function clampOf(expression: Expression): [low: number, high: number] | undefined {
  if (expression.kind === 'result') return [-Infinity, Infinity];
  if (expression.kind !== 'apply' || (expression.opcode !== MAX && expression.opcode !== MIN)) return undefined;
  const [a, b] = expression.sources;
  const [bound, inner] = a!.kind === 'constant' ? [a, b] : [b, a];
  if (bound?.kind !== 'constant') return undefined;
  const range = clampOf(inner!);
  if (!range) return undefined;
  const limit = floatOf(bound.bits);
  const choose = expression.opcode === MAX ? Math.max : Math.min;
  return [choose(range[0], limit), choose(range[1], limit)];
}
