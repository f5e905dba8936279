/**
 * Reads the protobuf wire format (protobuf.dev/programming-guides/encoding) without copying: a message is a range of the
 * file's bytes. protobufjs would drop the fields that it does not know, and round 64-bit integers where no Long is loaded.
 */
import { FormatError } from '../../src/errors.ts';

/** Protobuf's own parsers stop at 100 nested messages; so deep a file would overflow the stack of whoever reads it next. */
const MAX_DEPTH = 100;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
export type WireType = typeof VARINT | typeof FIXED64 | typeof LENGTH_DELIMITED | typeof FIXED32;

/** An encoded message: the bytes from `start` to `end` of `bytes`, `depth` messages below the outermost one. */
export interface Message {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

/** An encoded field. Its payload is the message from `start` to `end`; its tag begins at `tagStart`. */
export interface Field extends Message {
  readonly number: number;
  readonly wireType: WireType;
  readonly tagStart: number;
}

/** What a handler returns to leave its field among the unmodelled ones after all. */
export const KEEP = Symbol('keep');

/** What to do with a field, by field number. */
export type Handlers = Readonly<Record<number, (field: Field) => unknown>>;

/** The whole of `bytes` as a message. */
export function messageOf(bytes: Uint8Array): Message {
  return { bytes: plainBytes(bytes), start: 0, end: bytes.length, depth: 0 };
}

/** The same memory as a `Uint8Array` and nothing else: a Node `Buffer` has a `slice` of another meaning. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Hands each field of a message to its handler, in file order. The fields without a handler, and those whose handler
 * returns `KEEP`, come back as `unmodelled`: their encoded bytes, one after the other. Throws `FormatError`.
 */
export function readMessage(message: Message, handlers: Handlers): { unmodelled?: Uint8Array } {
  const kept: Field[] = [];
  for (const field of fields(message)) {
    const handler = handlers[field.number];
    if (!handler || handler(field) === KEEP) kept.push(field);
  }
  return unmodelled(kept);
}

/** The encoded bytes of these fields as the `unmodelled` of an IR object: a view where they lie together. */
export function unmodelled(kept: readonly Field[]): { unmodelled?: Uint8Array } {
  const [first] = kept;
  if (!first) return {};
  const length = kept.reduce((sum, field) => sum + field.end - field.tagStart, 0);
  const last = kept[kept.length - 1]!;
  if (last.end - first.tagStart === length) return { unmodelled: first.bytes.subarray(first.tagStart, last.end) };
  const joined = new Uint8Array(length);
  let position = 0;
  for (const { bytes, tagStart, end } of kept) {
    joined.set(bytes.subarray(tagStart, end), position);
    position += end - tagStart;
  }
  return { unmodelled: joined };
}

/** The fields of a message in file order. Throws `FormatError` where the bytes are not a protobuf message. */
export function* fields(message: Message): Generator<Field, void> {
  const { bytes, end, depth } = message;
  if (depth > MAX_DEPTH) fail(`messages are nested more than ${MAX_DEPTH} deep`, message.start);
  let position = message.start;
  while (position < end) {
    const tagStart = position;
    const tag = readVarint(bytes, position, end);
    const number = tag.low >>> 3;
    const wireType = tag.low & 7;
    if (number === 0 || tag.high !== 0) fail('this is not a protobuf field', tagStart);
    let start = tag.next;
    let stop: number;
    if (wireType === VARINT) {
      stop = readVarint(bytes, start, end).next;
    } else if (wireType === FIXED64) {
      stop = start + 8;
    } else if (wireType === FIXED32) {
      stop = start + 4;
    } else if (wireType === LENGTH_DELIMITED) {
      const length = readVarint(bytes, start, end);
      start = length.next;
      stop = start + length.high * 2 ** 32 + length.low;
    } else {
      fail(`a field has the unknown wire type ${wireType}`, tagStart);
    }
    if (stop > end)
      fail(`a field of ${stop - start} bytes runs past the end of the data, which are cut short or damaged`, tagStart);
    yield { bytes, start, end: stop, depth: depth + 1, number, wireType, tagStart };
    position = stop;
  }
}

/** The payload of a length-delimited field: a view, not a copy. */
export function bytesOf(field: Field): Uint8Array {
  return field.bytes.subarray(field.start, expect(field, LENGTH_DELIMITED).end);
}

/** The field as a nested message. */
export function messageIn(field: Field): Message {
  return expect(field, LENGTH_DELIMITED);
}

// `ignoreBOM` keeps a leading U+FEFF, so that encoding the string again gives the same bytes.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The field as a string, or `undefined` where its bytes are not UTF-8. */
export function textIfValid(field: Field): string | undefined {
  const bytes = bytesOf(field);
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The field as a string. Throws `FormatError` where its bytes are not UTF-8. */
export function text(field: Field): string {
  return textIfValid(field) ?? fail('a name is not valid UTF-8', field.start);
}

/** A signed 64-bit integer: a number where that is exact, else a bigint. */
export function integer(field: Field): number | bigint {
  const { low, high } = readVarint(field.bytes, expect(field, VARINT).start, field.end);
  return signed(low, high);
}

/** A signed 64-bit integer that must be a safe one. Throws `FormatError` naming `what` otherwise. */
export function safeInteger(field: Field, what: string): number {
  const value = integer(field);
  return typeof value === 'number' ? value : fail(`${what} is ${value}, which is out of range`, field.tagStart);
}

/** The signed 64-bit integers of a repeated field's entry: several where it is packed, else one. */
export function* integers(field: Field): Generator<number | bigint, void> {
  for (const { low, high } of varints(field)) yield signed(low, high);
}

/** The varints of a repeated field's entry, as the halves of 64-bit integers. */
export function* varints(field: Field): Generator<Varint, void> {
  if (field.wireType !== LENGTH_DELIMITED) expect(field, VARINT);
  for (let position = field.start; position < field.end; ) {
    const value = readVarint(field.bytes, position, field.end);
    yield value;
    position = value.next;
  }
}

/** Number of varints in a repeated field's entry, found without decoding them: each ends with a byte below 128. */
export function countVarints(field: Field): number {
  let count = 0;
  for (let position = field.start; position < field.end; position++) {
    if (field.bytes[position]! < 128) count++;
  }
  return count;
}

/** A float. */
export function float(field: Field): number {
  return viewOf(expect(field, FIXED32)).getFloat32(0, true);
}

/** The floats of a repeated field's entry: several where it is packed, else one. */
export function floats(field: Field): number[] {
  const view = viewOf(fixedWidth(field, 4));
  return Array.from({ length: view.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true));
}

/** Checks that a repeated field's entry holds whole numbers of `width` (4 or 8) bytes, packed or not, and gives it back. */
export function fixedWidth(field: Field, width: 4 | 8): Field {
  if (field.wireType !== LENGTH_DELIMITED) return expect(field, width === 4 ? FIXED32 : FIXED64);
  if ((field.end - field.start) % width) fail(`a list of ${width}-byte numbers is cut short`, field.tagStart);
  return field;
}

/** A base-128 number as the low and high 32 bits of a 64-bit one, and the position after it. */
export interface Varint {
  readonly low: number;
  readonly high: number;
  readonly next: number;
}

function readVarint(bytes: Uint8Array, start: number, end: number): Varint {
  let low = 0;
  let high = 0;
  for (let index = 0; index < 10; index++) {
    const position = start + index;
    if (position >= end) fail('the data end within a number: they are cut short or damaged', start);
    const byte = bytes[position]!;
    const part = byte & 127;
    if (index < 4) low |= part << (7 * index);
    else if (index === 4) {
      low |= part << 28;
      high = part >> 4;
    } else high |= part << (7 * index - 32);
    if (byte < 128) return { low: low >>> 0, high: high >>> 0, next: position + 1 };
  }
  return fail('a number is longer than 64 bits', start);
}

function signed(low: number, high: number): number | bigint {
  const value = (high | 0) * 2 ** 32 + low;
  return Number.isSafeInteger(value) ? value : BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
}

function viewOf({ bytes, start, end }: Field): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
}

function expect(field: Field, wireType: WireType): Field {
  if (field.wireType === wireType) return field;
  return fail(`field ${field.number} has wire type ${field.wireType}, not ${wireType}`, field.tagStart);
}

function fail(problem: string, offset: number): never {
  throw new FormatError('ONNX', problem, offset);
}
