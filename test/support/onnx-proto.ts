/**
 * The onnx-proto package as a second opinion on ONNX files: generated from ONNX 1.10, it knows the older fields.
 */
import onnxProto from 'onnx-proto';

export const { onnx } = onnxProto;

/** A 64-bit integer for onnx-proto's encoders. */
export function int64(value: bigint): Long {
  const half = (bits: bigint) => Number(BigInt.asIntN(32, bits));
  return { low: half(value), high: half(value >> 32n), unsigned: false } as Long;
}

type Long = Exclude<NonNullable<Parameters<typeof onnx.TensorShapeProto.Dimension.encode>[0]['dimValue']>, number>;

/**
 * A model as onnx-proto decodes it, with all defaults filled in. Elements of tensors are left out: they may be stored in
 * several ways.
 */
export function decodedIndependently(model: Uint8Array): Record<string, unknown> {
  const message = onnx.ModelProto.decode(new Uint8Array(model));
  const decoded = onnx.ModelProto.toObject(message, { defaults: true, longs: String });
  withoutElements(decoded);
  return decoded;
}

const ELEMENTS = ['rawData', 'floatData', 'int32Data', 'int64Data', 'doubleData', 'uint64Data'];

function withoutElements(message: Record<string, unknown>): void {
  if ('rawData' in message) for (const field of ELEMENTS) delete message[field];
  for (const value of Object.values(message)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item === 'object' && item !== null && !ArrayBuffer.isView(item)) withoutElements(item);
    }
  }
}
