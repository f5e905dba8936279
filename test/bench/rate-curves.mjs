/**
 * Bytes against the fidelity of the outputs, for calibrated files at eight rates, beside per-channel rounding with xz at 8
 * and 4 bits. Whole files count, graph included; of the peer only the weights. Needs models and data that are not part of the repository.
 */
import { convert, onnxruntimeCalibration, onnxruntimeEvaluate, readFqz, readOnnxFile, unpack } from 'fqz';
import { simplify } from '../../dist/src/graph/passes/simplify.js';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { judgeOf } from './judge.mjs';
import { duration } from './measure.mjs';
import { hasXz, roundedWithXz } from './peer-codecs.mjs';
import { isHere, netsNamed, pathOf, picturesFor } from './trained-nets.mjs';

const RATES = 8;
/** dB by which the curve goes beyond the peers on both sides. */
const MARGIN = 2;
/** dB below which outputs are of no use to anybody. */
const LEAST = 10;
/** dB that a file gains when its error is halved, before two files tell better. */
const FIRST_SLOPE = 6;

/** Prints the curves; false where a peer is below one. */
export async function run(_, { net }) {
  console.log('## Bytes against the signal-to-noise ratio of the outputs\n');
  if (!hasXz()) {
    console.log('Skipped: xz is not here.');
    return true;
  }
  const verdicts = [];
  for (const chosen of netsNamed(net)) {
    if (isHere(chosen)) verdicts.push(await curve(chosen));
    else console.log(`${chosen.name} skipped: no ${pathOf(chosen)}, or no data for it\n`);
  }
  if (verdicts.length === 0) return true;
  const cells = ({ name, peers }) => [
    name,
    ...peers.flatMap(({ snr, bytes, ours }) => [
      snr.toFixed(1),
      grouped(bytes),
      grouped(ours),
      ours <= bytes ? ratio(ours / bytes) : `**${ratio(ours / bytes)}**`,
    ]),
  ];
  const titles = ['8', '4'].flatMap((bits) => [`int${bits} dB`, 'with xz', 'ours', 'ratio']);
  console.log(markdownTable(['net', ...titles], verdicts.map(cells)));
  console.log(
    '\nOur bytes at the ratio of the peer: between the two nearest rates, or of the smallest file where even that is better.',
  );
  return verdicts.every(({ peers }) => peers.every(({ bytes, ours }) => ours <= bytes));
}

async function curve(net) {
  const { samples, test } = await picturesFor(net);
  const simplified = await readOnnxFile(pathOf(net));
  await simplify(simplified, { evaluate: onnxruntimeEvaluate });
  const { judge, correct } = await judgeOf(await readOnnxFile(pathOf(net)), test, net);
  const peers = [];
  for (const bits of [8, 4]) {
    const { model, bytes } = roundedWithXz(simplified, bits);
    peers.push({ label: `int${bits} + xz`, bytes, ...(await judge(model)) });
  }
  const [fine, coarse] = [peers[0].snr + MARGIN, Math.max(peers[1].snr - MARGIN, LEAST)];
  const points = [];
  let quality = 80;
  for (let at = 0; at < RATES; at++) {
    if (at > 0) quality = qualityAt(points, coarse + ((fine - coarse) * (at - 1)) / (RATES - 2));
    const started = performance.now();
    const { bytes } = await convert(await readOnnxFile(pathOf(net)), {
      quality,
      evaluate: onnxruntimeEvaluate,
      calibrate: onnxruntimeCalibration(samples, {
        samples: net.data.count,
        preparation: net.preparation,
        ...(net.size && { size: net.size }),
      }),
    });
    const seconds = (performance.now() - started) / 1000;
    points.push({ quality, bytes: bytes.length, seconds, ...(await judge(unpack(readFqz(bytes)))) });
  }
  points.sort((a, b) => a.snr - b.snr);
  print(net, correct, points, peers);
  return { name: net.name, peers: peers.map((peer) => ({ ...peer, ours: bytesAt(points, peer.snr) })) };
}

/** Octaves of the error that a quality stands for. */
const octaves = (quality) => 1.4 * Math.log2((101 - quality) / 100);

/** The quality that should give `snr`, by the two files that come nearest. */
function qualityAt(points, snr) {
  const [near, other] = points.toSorted((a, b) => Math.abs(a.snr - snr) - Math.abs(b.snr - snr));
  const slope = other ? (near.snr - other.snr) / (octaves(other.quality) - octaves(near.quality)) : FIRST_SLOPE;
  const x = octaves(near.quality) - (snr - near.snr) / Math.min(Math.max(slope, FIRST_SLOPE / 2), 2 * FIRST_SLOPE);
  return Math.min(Math.max(101 - 100 * 2 ** (x / 1.4), 1), 100);
}

/** Bytes of the curve at `snr`: their logarithm between the two nearest rates, those of the smallest file below it. */
function bytesAt(points, snr) {
  if (snr <= points[0].snr) return points[0].bytes;
  const above = points.findIndex((point) => point.snr > snr);
  const right = above < 0 ? points.length - 1 : above;
  const [a, b] = [points[right - 1], points[right]];
  return Math.round(a.bytes * (b.bytes / a.bytes) ** ((snr - a.snr) / (b.snr - a.snr)));
}

function print({ name }, correct, points, peers) {
  const told = correct === undefined ? '' : `, top-1 ${percent(correct)}`;
  console.log(`${name}${told}:\n`);
  const lines = [...points.map((point) => ({ label: `quality ${point.quality.toFixed(1)}`, ...point })), ...peers];
  const cells = (line) => [
    line.label,
    grouped(line.bytes),
    line.snr.toFixed(2),
    line.agreement === undefined ? '' : percent(line.agreement),
    line.correct === undefined ? '' : (100 * (correct - line.correct)).toFixed(2),
    line.seconds === undefined ? '' : duration(line.seconds),
  ];
  const titles = ['', 'bytes', 'output SNR, dB', 'same class', 'top-1 drop, points', 'conversion'];
  console.log(markdownTable(titles, lines.map(cells)));
  console.log();
}

const grouped = (value) => value.toLocaleString('en');
const percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;
const ratio = (value) => value.toFixed(3);
