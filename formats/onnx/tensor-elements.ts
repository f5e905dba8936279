/**
 * The elements of a tensor as raw little-endian bytes, whichever field of TensorProto stores them: a view of the file
 * wherever the file holds them so.
 */
import { DTYPES, type DType } from '../../src/graph/dtype.ts';
import { TENSOR } from './fields.ts';
import { bytesOf, countVarints, type Field, fixedWidth, varints } from './wire-read.ts';

/**
 * The raw data of a tensor, or what is wrong with it.
 *
 * @param length bytes that its type and shape ask for; no memory is taken before the file is known to have as many
 * @param stored the fields that may hold elements, those of one number together
 */
export function elementBytes(
  dtype: DType,
  length: number,
  stored: readonly (readonly Field[])[],
): Uint8Array | { problem: string } {
  const storages = stored.filter((parts) => parts.some((part) => part.end > part.start));
  if (storages.length > 1) return { problem: 'has its elements more than once' };
  const parts = storages[0] ?? [];
  const { number } = parts[0] ?? { number: TENSOR.rawData };
  if (number !== TENSOR.rawData && number !== typedField(dtype)) {
    return { problem: 'stores its elements in the field of another type' };
  }
  const width = elementWidth(number, dtype);
  const actual = storedLength(number, parts, width);
  if (actual !== length) return { problem: `needs ${length} bytes of data, but the file has ${actual}` };
  return gather(parts, length, width);
}

/** The field that holds elements of a type when they are not in raw_data. */
function typedField(dtype: DType): number {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return TENSOR.floatData;
    case 'float64':
    case 'complex128':
      return TENSOR.doubleData;
    case 'int64':
      return TENSOR.int64Data;
    case 'uint32':
    case 'uint64':
      return TENSOR.uint64Data;
    case 'string':
      return TENSOR.stringData;
    default:
      return TENSOR.int32Data;
  }
}

/** Bytes of raw data that each varint of a typed field stands for (a pair of 4-bit elements in one); 0 where its bytes are raw data already. */
function elementWidth(number: number, dtype: DType): number {
  const isVarint = number === TENSOR.int32Data || number === TENSOR.int64Data || number === TENSOR.uint64Data;
  return isVarint ? Math.ceil(DTYPES[dtype].bits / 8) : 0;
}

/** Bytes of raw data that the parts give, found before any memory is taken for them. */
function storedLength(number: number, parts: readonly Field[], width: number): number {
  let length = 0;
  for (const part of parts) {
    if (width > 0) length += width * countVarints(part);
    else if (number === TENSOR.rawData) length += bytesOf(part).length;
    else length += bytesIn(fixedWidth(part, number === TENSOR.floatData ? 4 : 8)).length;
  }
  return length;
}

function gather(parts: readonly Field[], length: number, width: number): Uint8Array {
  const [first] = parts;
  if (width === 0 && first && parts.length === 1) return bytesIn(first);
  const data = new Uint8Array(length);
  const view = new DataView(data.buffer);
  let position = 0;
  for (const part of parts) {
    if (width === 0) {
      data.set(bytesIn(part), position);
      position += part.end - part.start;
      continue;
    }
    for (const { low, high } of varints(part)) {
      if (width === 1) view.setUint8(position, low);
      else if (width === 2) view.setUint16(position, low, true);
      else view.setUint32(position, low, true);
      if (width === 8) view.setUint32(position + 4, high, true);
      position += width;
    }
  }
  return data;
}

/** The payload of a field of any wire type. */
function bytesIn({ bytes, start, end }: Field): Uint8Array {
  return bytes.subarray(start, end);
}
