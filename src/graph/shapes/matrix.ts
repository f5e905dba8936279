/**
 * Shapes of products and sums over axes: matrix products, einsum, attention, recurrent cells, reductions, losses and
 * transforms of signals.
 */
import { type DType, dtypeFromCode } from '../dtype.ts';
import type { Dim } from '../graph.ts';
import { allFromFront, broadcast, fromFront, multiply, quotient, type Shape, withDim } from './dims.ts';
import {
  type Application,
  dtypeOf,
  int,
  ints,
  isGiven,
  type Rule,
  type Rules,
  shapeOf,
  string,
  typed,
} from './rule.ts';

/** numpy.matmul: 1-D operands are a row and a column whose own axis disappears. */
function matrixProduct(a: Shape | undefined, b: Shape | undefined): Dim[] | undefined {
  if (!a?.length || !b?.length) return undefined;
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]);
  if (!batch) return undefined;
  return [...batch, ...(a.length > 1 ? [a.at(-2)!] : []), ...(b.length > 1 ? [b.at(-1)!] : [])];
}

const matMul =
  (right: number, dtype: (at: Application) => DType | undefined): Rule =>
  (at) => [typed(dtype(at), matrixProduct(shapeOf(at, 0), shapeOf(at, right)))];

const gemm: Rule = (at) => {
  const a = shapeOf(at, 0);
  const b = shapeOf(at, 1);
  const rows = a?.[int(at, 'transA', 0) ? 1 : 0] ?? null;
  const columns = b?.[int(at, 'transB', 0) ? 0 : 1] ?? null;
  return [typed(dtypeOf(at, 0), [rows, columns])];
};

const einsum: Rule = (at) => {
  const dtype = dtypeOf(at, 0);
  const [left, right] = (string(at, 'equation') ?? '').replaceAll(' ', '').split('->');
  const terms = left!.split(',');
  const sizes = new Map<string, Dim>();
  let ellipsis: Dim[] | undefined = [];
  for (const [index, term] of terms.entries()) {
    const shape = shapeOf(at, index);
    if (!shape) return [typed(dtype, undefined)];
    const [before, after] = term.split('...');
    const rest = shape.length - (before!.length + (after?.length ?? 0));
    if (after === undefined ? rest !== 0 : rest < 0) return [typed(dtype, undefined)];
    for (const [axis, letter] of [...before!].entries()) note(sizes, letter, shape[axis]!);
    for (const [axis, letter] of [...(after ?? '')].entries())
      note(sizes, letter, shape[before!.length + rest + axis]!);
    if (after !== undefined) ellipsis = broadcast([ellipsis, shape.slice(before!.length, before!.length + rest)]);
  }
  const letters = left!.replaceAll(/[,.]/g, '');
  const once = [...letters].filter((letter) => letters.split(letter).length === 2).sort();
  const output = right ?? `${left!.includes('...') ? '...' : ''}${once.join('')}`;
  const [before, after = ''] = output.split('...');
  if (!ellipsis) return [typed(dtype, undefined)];
  const dims = (part: string) => [...part].map((letter) => sizes.get(letter) ?? null);
  return [typed(dtype, [...dims(before!), ...(output.includes('...') ? ellipsis : []), ...dims(after)])];
};

/** Keeps the most certain size of an einsum letter; 1 broadcasts. */
function note(sizes: Map<string, Dim>, letter: string, dim: Dim): void {
  const old = sizes.get(letter);
  if (
    old === undefined ||
    old === null ||
    old === 1 ||
    (typeof old === 'string' && typeof dim === 'number' && dim !== 1)
  ) {
    sizes.set(letter, dim);
  }
}

/** Attention over (batch, heads, sequence, size) or (batch, sequence, heads · size). */
const attention: Rule = (at) => {
  const [q, k, v, , pastKey, pastValue] = at.inputs.map((input) => input?.shape);
  const dtype = dtypeOf(at, 0);
  if (!q || !k || !v) return [typed(dtype, undefined)];
  const flat = q.length === 3;
  const [batch, heads, kvHeads] = flat
    ? [q[0]!, int(at, 'q_num_heads', 0), int(at, 'kv_num_heads', 0)]
    : [q[0]!, q[1]!, k[1]!];
  const size = (shape: Shape, count: Dim) => (flat ? quotient([shape[2]!], [count]) : shape[3]!);
  const total = pastKey ? sum(pastKey[2]!, k.at(-2)!) : k.at(-2)!;
  const output = flat ? [batch, q[1]!, multiply(heads, size(v, kvHeads))] : [batch, heads, q[2]!, v[3]!];
  return [
    typed(dtype, output),
    typed(dtypeOf(at, 4) ?? dtypeOf(at, 1), [batch, kvHeads, total, size(k, kvHeads)]),
    typed(dtypeOf(at, 5) ?? dtypeOf(at, 2), [batch, kvHeads, pastValue ? total : v.at(-2)!, size(v, kvHeads)]),
    typed(dtype, [batch, heads, q.at(-2)!, total]),
  ];
};

const sum = (a: Dim, b: Dim): Dim => (typeof a === 'number' && typeof b === 'number' ? a + b : null);

/** RNN, GRU and LSTM: the sequence of hidden states, then the last states. */
const recurrent: Rule = (at) => {
  const dtype = dtypeOf(at, 0);
  const input = shapeOf(at, 0);
  const hidden = at.node.attributes.has('hidden_size') ? int(at, 'hidden_size', 0) : (shapeOf(at, 2)?.at(-1) ?? null);
  const directions = string(at, 'direction') === 'bidirectional' ? 2 : 1;
  if (input?.length !== 3) return [0, 1, 2].map(() => typed(dtype, undefined));
  const batchFirst = int(at, 'layout', 0) === 1;
  const [steps, batch] = batchFirst ? [input[1]!, input[0]!] : [input[0]!, input[1]!];
  const states = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  const last = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  return [typed(dtype, states), typed(dtype, last), typed(dtype, last)];
};

/** `input` with `axes` summed over. */
function reduced(input: Shape, axes: readonly number[], keep: boolean): Dim[] {
  return input.flatMap((dim, axis) => (!axes.includes(axis) ? [dim] : keep ? [1] : []));
}

const reduction: Rule = (at) => {
  const input = shapeOf(at, 0);
  const dtype = dtypeOf(at, 0);
  if (!input) return [typed(dtype, undefined)];
  const keep = int(at, 'keepdims', 1) === 1;
  const given = isGiven(at, 1) ? at.integers(1) : [];
  if (!given) return [typed(dtype, keep ? input.map(() => null) : undefined)];
  if (given.length === 0 && int(at, 'noop_with_empty_axes', 0) === 1) return [at.inputs[0]];
  const axes = given.length === 0 ? input.map((_, axis) => axis) : allFromFront(given, input.length);
  return [typed(dtype, axes && reduced(input, axes, keep))];
};

const argument: Rule = (at) => {
  const input = shapeOf(at, 0);
  const axis = input && fromFront(int(at, 'axis', 0), input.length);
  return [typed('int64', axis === undefined ? undefined : reduced(input!, [axis], int(at, 'keepdims', 1) === 1))];
};

/** Also gives the mean and the inverse deviation, of 1 along the normalised axes, in the precision of the sums. */
const layerNormalization: Rule = (at) => {
  const input = shapeOf(at, 0);
  const axis = input && fromFront(int(at, 'axis', -1), input.length);
  const statistics = typed(
    dtypeFromCode(int(at, 'stash_type', 1)),
    axis === undefined ? undefined : input!.map((dim, index) => (index < axis ? dim : 1)),
  );
  return [at.inputs[0], statistics, statistics];
};

/** Losses reduce to a scalar unless told otherwise. */
const loss: Rule = (at) => {
  const each = string(at, 'reduction') === 'none' ? shapeOf(at, 1) : [];
  return [typed(dtypeOf(at, 0), each), at.inputs[0]];
};

const dft: Rule = (at) => {
  const input = shapeOf(at, 0);
  const axis = input && fromFront(isGiven(at, 2) ? Number(at.integers(2)?.[0] ?? Number.NaN) : -2, input.length);
  if (axis === undefined) return [typed(dtypeOf(at, 0), undefined)];
  const length = isGiven(at, 1) ? (at.integers(1)?.[0] ?? null) : input![axis]!;
  const onesided = int(at, 'onesided', 0) === 1;
  const inverse = int(at, 'inverse', 0) === 1;
  const bins = !onesided || inverse ? length : typeof length === 'number' ? Math.floor(length / 2) + 1 : null;
  return [typed(dtypeOf(at, 0), [...withDim(input!, axis, bins).slice(0, -1), onesided && inverse ? 1 : 2])];
};

const stft: Rule = (at) => {
  const signal = shapeOf(at, 0);
  const step = at.integers(1)?.[0];
  const frame = isGiven(at, 3) ? at.integers(3)?.[0] : shapeOf(at, 2)?.[0];
  if (!signal) return [typed(dtypeOf(at, 0), undefined)];
  const known = typeof frame === 'number';
  const frames =
    known && typeof step === 'number' && typeof signal[1] === 'number'
      ? Math.floor((signal[1] - frame) / step) + 1
      : null;
  const bins = known ? (int(at, 'onesided', 1) === 1 ? Math.floor(frame / 2) + 1 : frame) : null;
  return [typed(dtypeOf(at, 0), [signal[0]!, frames, bins, 2])];
};

const windowFunction: Rule = (at) => [
  typed(dtypeFromCode(int(at, 'output_datatype', 1)), [at.integers(0)?.[0] ?? null]),
];

const melWeightMatrix: Rule = (at) => {
  const bands = at.integers(0)?.[0] ?? null;
  const length = at.integers(1)?.[0];
  const bins = typeof length === 'number' ? Math.floor(length / 2) + 1 : null;
  return [typed(dtypeFromCode(int(at, 'output_datatype', 1)), [bins, bands])];
};

const tfIdf: Rule = (at) => {
  const input = shapeOf(at, 0);
  const indexes = ints(at, 'ngram_indexes');
  if (!input || !indexes) return [{ dtype: 'float32' }];
  return [typed('float32', [...input.slice(0, -1), Math.max(-1, ...indexes) + 1])];
};

const multinomial: Rule = (at) => [
  typed(dtypeFromCode(int(at, 'dtype', 6)), [shapeOf(at, 0)?.[0] ?? null, int(at, 'sample_size', 1)]),
];

const REDUCTIONS = 'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare'.split(' ');

export const MATRIX_RULES: Rules = {
  MatMul: matMul(1, (at) => dtypeOf(at, 0)),
  MatMulInteger: matMul(1, () => 'int32'),
  QLinearMatMul: matMul(3, (at) => dtypeOf(at, 7)),
  Gemm: gemm,
  Einsum: einsum,
  Attention: attention,
  Det: (at) => [typed(dtypeOf(at, 0), shapeOf(at, 0)?.slice(0, -2))],
  RNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  ...Object.fromEntries(REDUCTIONS.map((name) => [`Reduce${name}`, reduction])),
  ArgMax: argument,
  ArgMin: argument,
  LayerNormalization: layerNormalization,
  NegativeLogLikelihoodLoss: loss,
  SoftmaxCrossEntropyLoss: loss,
  DFT: dft,
  STFT: stft,
  BlackmanWindow: windowFunction,
  HammingWindow: windowFunction,
  HannWindow: windowFunction,
  MelWeightMatrix: melWeightMatrix,
  TfIdfVectorizer: tfIdf,
  Multinomial: multinomial,
};
