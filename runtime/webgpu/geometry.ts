/**
 * What shaders of convolutions know of their geometry.
 */
import { readGeometry } from '../js/geometry.ts';
import type { Argument } from '../plan/buffer.ts';
import { type Binding, bufferOf, tableOf } from './dispatch.ts';

/** The geometry of a convolution, by name. */
export type Geometry = ReturnType<typeof readGeometry>;

/** The geometry that a table has. */
export function geometryOf(geometry: Argument): Geometry {
  return readGeometry({ words: tableOf(geometry) }, 0);
}

/** The binding of a bias, if there is one. */
export function biasBinding(bias: Argument): Binding[] {
  const buffer = bufferOf(bias);
  return buffer ? [{ name: 'bias', buffer, type: 'f32' }] : [];
}

/** Whether a window may stick out of the image. */
export function isPadded(g: Geometry): boolean {
  const last = (out: number, stride: number, pad: number, kernel: number, dilation: number) =>
    (out - 1) * stride - pad + (kernel - 1) * dilation;
  return (
    g.padTop > 0 ||
    g.padLeft > 0 ||
    last(g.outHeight, g.strideHeight, g.padTop, g.kernelHeight, g.dilationHeight) >= g.height ||
    last(g.outWidth, g.strideWidth, g.padLeft, g.kernelWidth, g.dilationWidth) >= g.width
  );
}
