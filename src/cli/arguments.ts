/**
 * Option values out of their text; a bad one is commander's `InvalidArgumentError`, which names the option.
 */
import { InvalidArgumentError } from 'commander';

/** A parser for a whole number from `least` to `most`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`Expected a whole number, ${range}.`);
    return value;
  };
}

/** A finite number. */
export function finiteNumber(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** A finite number above zero. */
export function positiveNumber(text: string): number {
  const value = finiteNumber(text);
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

/** Numbers with commas between. */
export function numberList(text: string): number[] {
  return text.split(',').map(finiteNumber);
}

/** `N` or `HxW`, as height and width. */
export function pictureSize(text: string): [height: number, width: number] {
  const match = /^(\d{1,6})(?:[x×](\d{1,6}))?$/.exec(text);
  const height = Number(match?.[1]);
  const width = Number(match?.[2] ?? match?.[1]);
  if (!(height > 0 && width > 0)) throw new InvalidArgumentError('Expected N or HxW.');
  return [height, width];
}

/** `NAME=1x3x224x224`, gathered over repeated options. */
export function namedShape(text: string, previous: ReadonlyMap<string, number[]> = new Map()): Map<string, number[]> {
  const match = /^(.+)=(\d{1,9}(?:[x×]\d{1,9})*)$/.exec(text);
  if (!match) throw new InvalidArgumentError('Expected NAME=DIMS such as image=1x3x224x224.');
  return new Map(previous).set(match[1]!, match[2]!.split(/[x×]/).map(Number));
}

/** Any text, gathered over repeated options. */
export function texts(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}
