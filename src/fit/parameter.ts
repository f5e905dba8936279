/**
 * A trainable weight: the core of a tensor network, of which a support of K coefficients is live. The optimiser sees numbers
 * near 1; a scale that stays as it is makes coefficients of them.
 */
import type { StoredWeight } from '../codec/archive.ts';
import { dctNetwork } from '../codec/network.ts';
import { nearestStepCode, stepOf } from '../codec/step.ts';
import { boundingBox, gather } from '../codec/support.ts';
import { forEachInZigzag } from '../codec/zigzag.ts';
import type { FloatDType } from '../graph/numbers.ts';
import { elementCount } from '../graph/tensor.ts';

export interface Parameter {
  /** The initialiser that it stands for, with its type and shape. */
  readonly name: string;
  readonly dtype: FloatDType;
  readonly shape: readonly number[];
  /** The shape in which the transform sees it: a dense weight after Flatten with its input axis as (c, h, w). */
  readonly folded: readonly number[];
  /** Axes of `folded` that the DCT is along; none for plain numbers. */
  readonly axes: readonly number[];
  /** Shape of the core: the lowest frequencies of `folded`. */
  readonly box: readonly number[];
  /** A coefficient is its value times this. */
  readonly scale: number;
  /** Row-major over the box; 0 where not live. */
  readonly values: Float32Array;
  /** 1 where a coefficient may be other than 0. */
  readonly live: Uint8Array;
  /** Offsets of all entries of the box, by frequency in zigzag order. */
  readonly order: Uint32Array;
  /** How many entries in that order the support had at first. */
  readonly support: number;
  /** The quantiser's step, in units of `values`. */
  step: number;
}

/** A parameter whose support is the first `count` entries of the box in zigzag order. Its values are all 0. */
export function newParameter(
  given: Pick<Parameter, 'name' | 'dtype' | 'shape' | 'folded' | 'axes' | 'box' | 'scale'>,
  count: number,
): Parameter {
  const { box, axes } = given;
  const size = elementCount(box);
  const order = new Uint32Array(size);
  let rank = 0;
  forEachInZigzag(box, axes, size, (at) => {
    order[rank++] = at;
  });
  const live = new Uint8Array(size);
  for (const at of order.subarray(0, count)) live[at] = 1;
  return { ...given, values: new Float32Array(size), live, order, support: count, step: 1 };
}

/** How many coefficients are live. */
export function liveCount({ live }: Parameter): number {
  return live.reduce((sum, flag) => sum + flag, 0);
}

/** The step that a file can hold which is nearest to the parameter's own, as coefficients have it. */
function fileStep({ step, scale }: Parameter): number {
  return stepOf(nearestStepCode(step * scale));
}

/** That step in units of the parameter's values. */
export function storableStep(parameter: Parameter): number {
  return fileStep(parameter) / parameter.scale;
}

/** The levels of the coefficients at the storable step, row-major over the box. */
export function levelsOf(parameter: Parameter): Int32Array {
  const { values, live } = parameter;
  const step = storableStep(parameter);
  return Int32Array.from(values, (value, at) => (live[at] ? Math.round(value / step) : 0));
}

/** The weight as a file holds it, quantised. */
export function storedWeight(parameter: Parameter, levels = levelsOf(parameter)): StoredWeight {
  const { name, dtype, shape, folded, axes, box } = parameter;
  const cut = boundingBox(levels, box, axes);
  const operand = {
    kind: 'quantized',
    shape: cut,
    levels: gather(levels, box, cut),
    step: fileStep(parameter),
  } as const;
  return { name, dtype, shape, network: dctNetwork(operand, folded, axes) };
}

/** How many levels are other than 0. */
export function coefficientCountOf(parameter: Parameter): number {
  return levelsOf(parameter).reduce((sum, level) => sum + (level === 0 ? 0 : 1), 0);
}

/** Rank in zigzag order before which the first part `part` of the first support lies; plain numbers are never cut. */
export function cutOf({ axes, order, support }: Parameter, part: number): number {
  return part >= 1 || axes.length === 0 ? order.length : Math.max(1, Math.round(part * support));
}

/** Removes for good what lies behind the cut. */
export function retireTail(parameter: Parameter, part: number): void {
  const { order, live, values } = parameter;
  for (const at of order.subarray(cutOf(parameter, part))) {
    live[at] = 0;
    values[at] = 0;
  }
}
