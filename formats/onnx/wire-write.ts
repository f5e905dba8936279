/**
 * The few shapes of protobuf field that ONNX messages are made of, over protobufjs's writer (which copies bytes once,
 * when the whole message is finished).
 */
import protobuf from 'protobufjs/minimal.js';
import { fields, messageOf, varints } from './wire-read.ts';

export type Writer = protobuf.Writer;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** A writer that gives a plain `Uint8Array`, in Node too. */
export function newWriter(): Writer {
  return new protobuf.Writer();
}

export function writeBytes(writer: Writer, field: number, value: Uint8Array): void {
  tag(writer, field, LENGTH_DELIMITED).bytes(value);
}

export function writeText(writer: Writer, field: number, value: string): void {
  tag(writer, field, LENGTH_DELIMITED).string(value);
}

/** Writes a string unless it is absent or empty, which is what an absent field means. */
export function writeOptionalText(writer: Writer, field: number, value: string | undefined): void {
  if (value) writeText(writer, field, value);
}

export function writeTexts(writer: Writer, field: number, values: Iterable<string>): void {
  for (const value of values) writeText(writer, field, value);
}

/** Writes a signed 64-bit integer. Throws `RangeError` for a number that is not a safe integer. */
export function writeInteger(writer: Writer, field: number, value: number | bigint): void {
  tag(writer, field, VARINT).int64(long(value));
}

export function writeFloat(writer: Writer, field: number, value: number): void {
  tag(writer, field, FIXED32).float(value);
}

/** Writes a packed list of integers; nothing for an empty one. */
export function writeIntegers(writer: Writer, field: number, values: readonly (number | bigint)[]): void {
  if (values.length === 0) return;
  tag(writer, field, LENGTH_DELIMITED).fork();
  for (const value of values) writer.int64(long(value));
  writer.ldelim();
}

/** Writes a packed list of floats; nothing for an empty one. */
export function writeFloats(writer: Writer, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  tag(writer, field, LENGTH_DELIMITED).fork();
  for (const value of values) writer.float(value);
  writer.ldelim();
}

/** Writes a nested message whose fields `write` puts in place. */
export function writeMessage(writer: Writer, field: number, write: () => void): void {
  tag(writer, field, LENGTH_DELIMITED).fork();
  write();
  writer.ldelim();
}

/** Writes encoded fields as they are. Throws `FormatError` where `encoded` is not a sequence of protobuf fields. */
export function writeEncoded(writer: Writer, encoded: Uint8Array | undefined): void {
  if (!encoded) return;
  for (const field of fields(messageOf(encoded))) {
    tag(writer, field.number, field.wireType);
    const view = new DataView(encoded.buffer, encoded.byteOffset + field.start, field.end - field.start);
    if (field.wireType === LENGTH_DELIMITED) writer.bytes(encoded.subarray(field.start, field.end));
    else if (field.wireType === FIXED32) writer.fixed32(view.getUint32(0, true));
    else if (field.wireType === FIXED64) writer.fixed64(halves(view.getUint32(0, true), view.getUint32(4, true)));
    else for (const { low, high } of varints(field)) writer.uint64(halves(low, high));
  }
}

function tag(writer: Writer, field: number, wireType: number): Writer {
  return writer.uint32(((field << 3) | wireType) >>> 0);
}

type Long = Exclude<Parameters<Writer['int64']>[0], number | string>;

/** protobufjs takes anything with these members for a Long. */
function halves(low: number, high: number): Long {
  return { low: low | 0, high: high | 0, unsigned: false } as Long;
}

function long(value: number | bigint): number | Long {
  if (typeof value === 'number') {
    // protobufjs would write something else without a word.
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer that a number holds exactly`);
    return value;
  }
  return halves(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}
