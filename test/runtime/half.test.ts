/**
 * Rounding to float16 and bfloat16, against a library and against arithmetic in float64.
 */
import { Float16Array } from '@petamoriken/float16';
import { expect, it } from 'vitest';
import { halvesOf } from '../../runtime/half.ts';
import { normal } from '../support/random.ts';

const next = normal(11);
const EDGES = [
  0,
  -0,
  1,
  -1,
  65504,
  65519.99,
  65520,
  65536,
  1e30,
  Infinity,
  -Infinity,
  NaN,
  2 ** -14,
  2 ** -24,
  2 ** -25,
];
const NEAR_EDGES = EDGES.flatMap((value) => [value, -value, value * (1 + 2 ** -20), value * (1 - 2 ** -20)]);
const TIES = Array.from({ length: 200 }, (_, at) => 1 + (2 * at + 1) * 2 ** -11);
const DENORMAL = Array.from({ length: 200 }, (_, at) => at * 2 ** -26);
const RANDOM = Array.from({ length: 2000 }, () => next() * 2 ** (12 * next()));
const ALL = [...NEAR_EDGES, ...TIES, ...DENORMAL, ...RANDOM].map(Math.fround);

it('rounds to float16 as the library does', () => {
  expect(halvesOf(ALL, 'float16')).toEqual(new Uint16Array(Float16Array.from(ALL).buffer as ArrayBuffer));
});

it('rounds to the nearest bfloat16, ties to even', () => {
  const bits = halvesOf(ALL, 'bfloat16');
  const value = (pattern: number) => new Float32Array(Uint32Array.of(pattern << 16).buffer)[0]!;
  for (const [at, number] of ALL.entries()) {
    const own = bits[at]!;
    if (!Number.isFinite(value(own))) {
      expect(value(own)).toBe(number);
      continue;
    }
    const error = Math.abs(value(own) - number);
    for (const other of [own - 1, own + 1]) {
      const distance = Math.abs(value(other) - number);
      if (distance < error || (distance === error && own % 2 === 1)) expect.fail(`${number} became ${value(own)}`);
    }
  }
});
