/**
 * Python's pickle format (protocols 2 to 5, as `pickletools` documents them). A pickle is a program for a stack machine;
 * of its instructions those are known that build plain values, and it is up to the caller which objects there are.
 */
import { UnsupportedError } from '../../src/errors.ts';

/** A value: tuples and lists are arrays, dictionaries maps, and integers numbers. */
export type Pickled = null | boolean | number | string | Uint8Array | Pickled[] | Map<Pickled, Pickled> | PythonObject;

/** An object of a Python class: `call` names what made it. */
export interface PythonObject {
  readonly call: string;
  readonly args: Pickled;
  /** What `__setstate__` was given last, if anything. */
  state?: Pickled;
}

/** The name of a Python function or class, such as `numpy.dtype`. */
class Name {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const MARK = Symbol('mark');

type Item = Pickled | Name | typeof MARK;

interface Machine {
  readonly stack: Item[];
  readonly memory: Item[];
  /** The next unsigned integer of so many bytes. */
  number(size: 1 | 2 | 4 | 8): number;
  /** The next so many bytes. */
  bytes(length: number): Uint8Array;
  text(length: number): string;
  /** What follows up to the end of the line. */
  line(): string;
}

/**
 * What the program in `bytes` leaves on its stack. Objects are not made, only noted down; nothing is ever called. Throws
 * `UnsupportedError` for instructions that plain values and objects do not need, and `RangeError` for a damaged program.
 */
export function unpickle(bytes: Uint8Array): Pickled {
  const machine = machineFor(bytes);
  for (let code = machine.number(1); code !== STOP; code = machine.number(1)) {
    const instruction = INSTRUCTIONS.get(code);
    if (!instruction) throw new UnsupportedError(`has the instruction ${code}, which arrays do not need`);
    instruction(machine);
  }
  return popValue(machine);
}

function machineFor(bytes: Uint8Array): Machine {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const machine: Machine = {
    stack: [],
    memory: [],
    number(size) {
      const from = at;
      at += size;
      if (size === 8) return Number(view.getBigUint64(from, true));
      return size === 4 ? view.getUint32(from, true) : size === 2 ? view.getUint16(from, true) : view.getUint8(from);
    },
    bytes(length) {
      if (length > bytes.length - at) throw new RangeError('the pickle ends too early');
      at += length;
      return bytes.subarray(at - length, at);
    },
    text: (length) => new TextDecoder().decode(machine.bytes(length)),
    line() {
      const end = bytes.indexOf('\n'.charCodeAt(0), at);
      if (end < 0) throw new RangeError('the pickle ends too early');
      const text = machine.text(end - at);
      at++;
      return text;
    },
  };
  return machine;
}

function popValue({ stack }: Machine): Pickled {
  const item = stack.pop();
  if (item === undefined || item === MARK || item instanceof Name) throw new RangeError('a value is missing');
  return item;
}

function popToMark({ stack }: Machine): Pickled[] {
  const mark = stack.lastIndexOf(MARK);
  if (mark < 0) throw new RangeError('a mark is missing');
  const items = stack.splice(mark).slice(1);
  if (items.some((item) => item instanceof Name)) throw new RangeError('a name is no value');
  return items as Pickled[];
}

function remember({ stack, memory }: Machine, index: number): void {
  const top = stack.at(-1);
  // Programs number what they remember without gaps, so that a larger number is an attack.
  if (top === undefined || index > memory.length) throw new RangeError('nothing can be remembered');
  memory[index] = top;
}

function recall({ stack, memory }: Machine, index: number): void {
  const item = memory[index];
  if (item === undefined) throw new RangeError('nothing was remembered');
  stack.push(item);
}

function append({ stack }: Machine, items: readonly Pickled[]): void {
  const list = stack.at(-1);
  if (!Array.isArray(list)) throw new RangeError('a list is missing');
  for (const item of items) list.push(item);
}

function setItems({ stack }: Machine, items: readonly Pickled[]): void {
  const map = stack.at(-1);
  if (!(map instanceof Map) || items.length % 2 !== 0) throw new RangeError('a dictionary is missing');
  for (let item = 0; item < items.length; item += 2) map.set(items[item]!, items[item + 1]!);
}

function tuple(machine: Machine, length: number): void {
  const items = Array.from({ length }, () => popNamed(machine));
  machine.stack.push(items.reverse());
}

/** A value; the name of a class counts, as a call of it without arguments, since classes are arguments of calls. */
function popNamed(machine: Machine): Pickled {
  const top = machine.stack.at(-1);
  if (!(top instanceof Name)) return popValue(machine);
  machine.stack.pop();
  return { call: top.name, args: [] };
}

function reduce(machine: Machine): void {
  const args = popValue(machine);
  const callee = machine.stack.pop();
  if (!(callee instanceof Name)) throw new RangeError('a function is missing');
  machine.stack.push({ call: callee.name, args });
}

/** Whether a value is an object. */
export function isPythonObject(value: Pickled | undefined): value is PythonObject {
  return typeof value === 'object' && value !== null && 'call' in value;
}

function build(machine: Machine): void {
  const state = popValue(machine);
  const target = machine.stack.at(-1);
  if (target === MARK || target instanceof Name || !isPythonObject(target))
    throw new RangeError('an object is missing');
  target.state = state;
}

const STOP = '.'.charCodeAt(0);

/** Instructions that `pickletools` calls by these names. */
const INSTRUCTIONS: ReadonlyMap<number, (machine: Machine) => void> = new Map(
  Object.entries<[code: string | number, instruction: (machine: Machine) => void]>({
    PROTO: [0x80, (machine) => machine.number(1)],
    FRAME: [0x95, (machine) => machine.number(8)],
    MARK: ['(', ({ stack }) => stack.push(MARK)],
    NONE: ['N', ({ stack }) => stack.push(null)],
    NEWTRUE: [0x88, ({ stack }) => stack.push(true)],
    NEWFALSE: [0x89, ({ stack }) => stack.push(false)],
    BININT1: ['K', (machine) => machine.stack.push(machine.number(1))],
    BININT2: ['M', (machine) => machine.stack.push(machine.number(2))],
    BININT: ['J', (machine) => machine.stack.push(machine.number(4) | 0)],
    SHORT_BINUNICODE: [0x8c, (machine) => machine.stack.push(machine.text(machine.number(1)))],
    BINUNICODE: ['X', (machine) => machine.stack.push(machine.text(machine.number(4)))],
    SHORT_BINBYTES: ['C', (machine) => machine.stack.push(machine.bytes(machine.number(1)))],
    BINBYTES: ['B', (machine) => machine.stack.push(machine.bytes(machine.number(4)))],
    BINBYTES8: [0x8e, (machine) => machine.stack.push(machine.bytes(machine.number(8)))],
    BYTEARRAY8: [0x96, (machine) => machine.stack.push(machine.bytes(machine.number(8)))],
    MEMOIZE: [0x94, (machine) => remember(machine, machine.memory.length)],
    BINPUT: ['q', (machine) => remember(machine, machine.number(1))],
    LONG_BINPUT: ['r', (machine) => remember(machine, machine.number(4))],
    BINGET: ['h', (machine) => recall(machine, machine.number(1))],
    LONG_BINGET: ['j', (machine) => recall(machine, machine.number(4))],
    GLOBAL: ['c', (machine) => machine.stack.push(new Name(`${machine.line()}.${machine.line()}`))],
    STACK_GLOBAL: [
      0x93,
      (machine) => {
        const name = popValue(machine);
        machine.stack.push(new Name(`${popValue(machine)}.${name}`));
      },
    ],
    EMPTY_TUPLE: [')', ({ stack }) => stack.push([])],
    TUPLE1: [0x85, (machine) => tuple(machine, 1)],
    TUPLE2: [0x86, (machine) => tuple(machine, 2)],
    TUPLE3: [0x87, (machine) => tuple(machine, 3)],
    TUPLE: ['t', (machine) => machine.stack.push(popToMark(machine))],
    EMPTY_LIST: [']', ({ stack }) => stack.push([])],
    APPEND: ['a', (machine) => append(machine, [popValue(machine)])],
    APPENDS: ['e', (machine) => append(machine, popToMark(machine))],
    EMPTY_DICT: ['}', ({ stack }) => stack.push(new Map())],
    SETITEM: ['s', (machine) => setItems(machine, [popValue(machine), popValue(machine)].reverse())],
    SETITEMS: ['u', (machine) => setItems(machine, popToMark(machine))],
    REDUCE: ['R', reduce],
    BUILD: ['b', build],
  }).map(([, [code, instruction]]) => [typeof code === 'string' ? code.charCodeAt(0) : code, instruction]),
);
