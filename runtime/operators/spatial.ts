/**
 * Operators that sample images at computed places: GridSample, AffineGrid, RoiAlign, and Col2Im (ONNX operator
 * documentation).
 */
import { UnsupportedError } from '../../src/errors.ts';
import { floatAttribute, intAttribute, type Node, stringAttribute } from '../../src/graph/graph.ts';
import { wordsOfFloats } from '../plan/buffer.ts';
import { convolved, leftFactors } from './convolution.ts';
import { multiplied } from './matrix-product.ts';
import type { Lower, Operators } from './operator.ts';
import { countUp, product } from './shapes.ts';
import { atRank, windowsOf } from './windows.ts';

/** Position of a string attribute's value among those that it may have. Throws `UnsupportedError` for others. */
function choice(node: Node, name: string, values: readonly string[]): number {
  const given = stringAttribute(node, name) ?? values[0]!;
  const position = values.indexOf(given);
  if (position < 0) throw new UnsupportedError(`${node.op} with ${name} ${given}`);
  return position;
}

const TAPS = [2, 1, 4];

const gridSample: Lower = (plan, node, [x, grid]) => {
  const [batch, channels, ...size] = x!.shape as [number, number, ...number[]];
  const out = grid!.shape.slice(1, -1);
  const table = [
    6 + 1 + size.length,
    batch,
    channels,
    product(out),
    TAPS[choice(node, 'mode', ['linear', 'nearest', 'cubic'])]!,
    choice(node, 'padding_mode', ['zeros', 'border', 'reflection']),
    intAttribute(node, 'align_corners', 0),
    ...size,
  ];
  const [source, places] = [plan.buffer(x!), plan.buffer(grid!)];
  const y = plan.tensor(x!.dtype, [batch, channels, ...out]);
  plan.step('gridSample', plan.table(table), source, places, y);
  return [y];
};

/** The grid of places is made while planning; more than this is taken for a mistake. */
const MOST_PLACES = 2 ** 22;

const affineGrid: Lower = (plan, node, [theta, size]) => {
  const [batch, , ...out] = plan.numbers(size!) as [number, number, ...number[]];
  const isAligned = intAttribute(node, 'align_corners', 0) === 1;
  const rank = out.length;
  if (product(out) > MOST_PLACES) throw new RangeError(`AffineGrid of [${out}]`);
  // Homogeneous coordinates (…, y, x) of every place become (x, y, …, 1).
  let places: number[][] = [[1]];
  for (const count of out) {
    const steps = countUp(count).map(
      (at) => (isAligned ? (2 * at) / Math.max(1, count - 1) : (2 * at + 1) / count) - 1,
    );
    places = places.flatMap((place) => steps.map((step) => [step, ...place]));
  }
  const starts = (length: number) => countUp(batch).map((at) => at * length);
  const y = multiplied(plan, [batch, ...out, rank], [1, 1 + rank], {
    a: plan.constant('float32', [places.length, rank + 1], places.flat()),
    b: theta!,
    rows: places.length,
    columns: rank,
    depth: rank + 1,
    aStrides: [rank + 1, 1],
    bStrides: [1, rank + 1],
    aOffsets: starts(0),
    bOffsets: starts(rank * (rank + 1)),
  });
  return [y];
};

const roiAlign: Lower = (plan, node, [x, regions, images]) => {
  const [, channels, height, width] = x!.shape as [number, number, number, number];
  const count = regions!.shape[0]!;
  const [rows, columns] = [intAttribute(node, 'output_height', 1), intAttribute(node, 'output_width', 1)];
  const table = [
    channels,
    height,
    width,
    count,
    rows,
    columns,
    intAttribute(node, 'sampling_ratio', 0),
    choice(node, 'mode', ['avg', 'max']),
    1 - choice(node, 'coordinate_transformation_mode', ['half_pixel', 'output_half_pixel']),
    ...wordsOfFloats([floatAttribute(node, 'spatial_scale', 1)]),
  ];
  const [source, places, batch] = [plan.buffer(x!), plan.buffer(regions!), plan.buffer(images!)];
  const y = plan.tensor(x!.dtype, [count, channels, rows, columns]);
  plan.step('roiAlign', plan.table(table), source, places, batch, y);
  return [y];
};

/** A transposed convolution of one group an image channel, whose weight only puts each element in its place. */
const col2Im: Lower = (plan, node, [x, imageShape, blockShape]) => {
  const [batch, rows] = x!.shape as [number, number];
  const [image, block] = [plan.numbers(imageShape!), plan.numbers(blockShape!)];
  const windows = windowsOf(node, image, block).map((window) => ({ ...window, size: window.out, out: window.size }));
  const taps = product(block);
  const groups = rows / taps;
  const identity = countUp(groups * taps * taps).map((at) => (Math.floor(at / taps) % taps === at % taps ? 1 : 0));
  const w = leftFactors(plan, plan.constant('float32', [identity.length], identity), groups, taps, taps, true);
  return [
    convolved(plan, x!, [batch, groups, ...image], {
      kernel: 'convTranspose',
      batch,
      groups,
      channels: taps,
      filters: 1,
      windows: atRank(node, windows, 2),
      w,
    }),
  ];
};

export const SPATIAL_OPERATORS: Operators = {
  GridSample: gridSample,
  AffineGrid: affineGrid,
  RoiAlign: roiAlign,
  Col2Im: col2Im,
};
