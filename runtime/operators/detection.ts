/**
 * NonMaxSuppression (ONNX operator documentation). How many boxes remain depends on their numbers, so it is done while
 * planning, on numbers that the run so far has found.
 */
import { intAttribute } from '../../src/graph/graph.ts';
import type { Value } from '../plan/value.ts';
import type { Lower, Operators } from './operator.ts';

/** Corners of a box in order: smaller y and x, larger y and x. */
type Box = readonly [number, number, number, number];

function overlap(a: Box, b: Box): number {
  const area = ([top, left, bottom, right]: Box) => (bottom - top) * (right - left);
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const common = Math.max(0, height) * Math.max(0, width);
  return common === 0 ? 0 : common / (area(a) + area(b) - common);
}

const nonMaxSuppression: Lower = (plan, node, [boxes, scores, most, overlapLimit, scoreLimit]) => {
  const numbers = (value: Value | undefined, fallback: number) => (value && plan.numbers(value)[0]) ?? fallback;
  const isCentred = intAttribute(node, 'center_point_box', 0) === 1;
  const limit = numbers(most, 0);
  const largestOverlap = numbers(overlapLimit, 0);
  const least = numbers(scoreLimit, Number.NEGATIVE_INFINITY);
  const places = plan.numbers(boxes!);
  const allScores = plan.numbers(scores!);
  const [batch, classes, count] = scores!.shape as [number, number, number];
  const corners = Array.from({ length: batch * count }, (_, at): Box => {
    const [a, b, c, d] = places.slice(4 * at, 4 * at + 4) as [number, number, number, number];
    if (isCentred) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
    return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  });
  const found: number[] = [];
  for (let list = 0; list < batch * classes; list++) {
    const image = Math.floor(list / classes);
    const score = (box: number) => allScores[list * count + box]!;
    const order = Array.from({ length: count }, (_, box) => box)
      .filter((box) => score(box) > least)
      .sort((a, b) => score(b) - score(a));
    const kept: Box[] = [];
    for (const index of order) {
      if (kept.length >= limit) break;
      const box = corners[image * count + index]!;
      if (kept.some((other) => overlap(box, other) > largestOverlap)) continue;
      kept.push(box);
      found.push(image, list % classes, index);
    }
  }
  return [plan.constant('int64', [found.length / 3, 3], found)];
};

export const DETECTION_OPERATORS: Operators = { NonMaxSuppression: nonMaxSuppression };
