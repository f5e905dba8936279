/**
 * The course of a fit as a picture: loss, errors and bytes over the steps, one above the other, as SVG.
 */
import type { FitProgress } from '../fit/loop.ts';

const WIDTH = 720;
const HEIGHT = 180;
/** Room for the figures on the left, and around. */
const LEFT = 64;
const MARGIN = 24;
/** What logarithmic axes show of 0. */
const SMALLEST = 1e-4;

interface Panel {
  readonly title: string;
  readonly values: readonly (number | undefined)[];
  readonly text: (value: number) => string;
  /** Whether the axis is logarithmic: most of a fit happens close to its end. */
  readonly logarithmic?: boolean;
}

/** An SVG document; panels without values, such as the errors of a model without classes, are left out. */
export function fitCurve(course: readonly FitProgress[]): string {
  const panels: readonly Panel[] = [
    {
      title: 'loss',
      values: course.map(({ loss }) => loss),
      text: (value) => value.toPrecision(3),
      logarithmic: true,
    },
    {
      title: 'wrong classes',
      values: course.map(({ accuracy }) => (accuracy === undefined ? undefined : 1 - accuracy)),
      text: (value) => `${(100 * value).toFixed(1)} %`,
      logarithmic: true,
    },
    {
      title: 'bytes of the file, rounded',
      values: course.map(({ bytes, rounded }) => (rounded ? bytes : undefined)),
      text: (value) => value.toFixed(0),
    },
  ];
  const shown = panels.filter(({ values }) => values.some((value) => value !== undefined));
  const steps = course.map(({ step }) => step);
  const drawn = shown.map((panel, at) => `<g transform="translate(0 ${at * HEIGHT})">${drawPanel(panel, steps)}</g>`);
  const size = `width="${WIDTH}" height="${shown.length * HEIGHT}"`;
  const style = 'font: 12px sans-serif; background: white';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} style="${style}">\n${drawn.join('\n')}\n</svg>\n`;
}

function drawPanel({ title, values, text, logarithmic }: Panel, steps: readonly number[]): string {
  const known = values.filter((value) => value !== undefined);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const last = steps.at(-1) ?? 1;
  const x = (step: number) => LEFT + ((WIDTH - LEFT - MARGIN) * step) / last;
  const place = (value: number) => (logarithmic ? Math.log(Math.max(value, SMALLEST)) : value);
  const range = place(high) - place(low) || 1;
  const y = (value: number) => HEIGHT - MARGIN - ((HEIGHT - 2 * MARGIN) * (place(value) - place(low))) / range;
  const points = values.flatMap((value, at) =>
    value === undefined ? [] : [`${x(steps[at]!).toFixed(1)},${y(value).toFixed(1)}`],
  );
  const label = (at: number, content: string) =>
    `<text x="${LEFT - 6}" y="${at.toFixed(1)}" text-anchor="end">${content}</text>`;
  return [
    `<text x="${LEFT}" y="16">${title}</text>`,
    label(y(high) + 4, text(high)),
    ...(high > low ? [label(y(low) + 4, text(low))] : []),
    `<text x="${WIDTH - MARGIN}" y="${HEIGHT - 8}" text-anchor="end">step ${last}</text>`,
    `<path d="M${LEFT} ${MARGIN}V${HEIGHT - MARGIN}H${WIDTH - MARGIN}" fill="none" stroke="gray"/>`,
    `<polyline points="${points.join(' ')}" fill="none" stroke="steelblue" stroke-width="1.5"/>`,
  ].join('');
}
