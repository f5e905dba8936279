/**
 * How the kinds of file that hold Keras models begin; their names may say anything.
 */

const HDF5 = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** A zip archive with anything in it. */
const ZIP = [0x50, 0x4b, 3, 4];

const startsWith = (bytes: Uint8Array, signature: readonly number[]) =>
  signature.every((byte, index) => bytes[index] === byte);

/** Whether `bytes` begin as an HDF5 file does. */
export function isHdf5(bytes: Uint8Array): boolean {
  return startsWith(bytes, HDF5);
}

/** Whether `bytes` begin as a zip archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return startsWith(bytes, ZIP);
}

/** Whether a file that begins with `bytes` may be a Keras model, whatever it is called. */
export function isKeras(bytes: Uint8Array): boolean {
  return isHdf5(bytes) || isZip(bytes);
}
