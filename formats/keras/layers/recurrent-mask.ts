/**
 * Masked steps of recurrent layers. Keras skips them and carries the state over (`rnn` of its backends); ONNX knows only
 * sequences of several lengths. So the steps that count are moved to the front, and the outputs back to their places.
 */
import { DTYPES } from '../../../src/graph/dtype.ts';
import { int64Tensor } from '../../../src/graph/tensor.ts';
import { type GraphBuilder, int, type KerasValue } from '../graph-builder.ts';

/** A sequence without its masked steps. */
export interface PackedSequence {
  /** (N, time, features), with the steps that count in front. */
  readonly value: KerasValue;
  /** int32 (N): how many steps count. */
  readonly lengths: string;
  /** bool (N, time): the mask. */
  readonly mask: string;
}

/** `value` (N, time, features) with the steps in front that `mask`, bool (N, time), keeps. */
export function packed(builder: GraphBuilder, value: KerasValue, mask: string): PackedSequence {
  const plain = builder.plain(value);
  const lengths = builder.emit('ReduceSum', [castTo(builder, mask, 'int32'), builder.integers('time', [1])], {
    keepdims: int(0),
  });
  // Of equal elements TopK gives the first ones first, so the order of the steps is kept.
  const steps = builder.emit('Shape', [mask], { start: int(1), end: int(2) });
  const [, order] = builder.emitAll('TopK', [castTo(builder, mask, 'float32'), steps], 2, { axis: int(1) });
  return { value: { ...plain, name: gathered(builder, plain.name, order!) }, lengths, mask };
}

/** How outputs are placed back. */
export interface Unpacking {
  /** Whether the steps were taken from the last to the first. */
  readonly backwards: boolean;
  /** Masked steps give zeros; otherwise they repeat the step before. */
  readonly zeros: boolean;
}

/** The outputs (N, time, units) of packed steps at the steps that they came from. */
export function unpacked(
  builder: GraphBuilder,
  value: KerasValue,
  { mask }: PackedSequence,
  { backwards, zeros }: Unpacking,
): KerasValue {
  const plain = builder.plain(value);
  const counts = castTo(builder, mask, 'int64');
  const axis = builder.constant('time_axis', int64Tensor([1], []));
  if (zeros || backwards) {
    // The number of steps before this one, which is where it went, or the one that was taken before it.
    const places = builder.emit('CumSum', [counts, axis], { exclusive: int(1) });
    const name = gathered(builder, plain.name, places);
    return { ...plain, name: zeros ? masked(builder, name, mask) : name };
  }
  const padded = builder.emit('Pad', [plain.name, builder.integers('before', [0, 1, 0, 0, 0, 0])]);
  return { ...plain, name: gathered(builder, padded, builder.emit('CumSum', [counts, axis])) };
}

/** Zeros where `mask` (N, time) is false. */
function masked(builder: GraphBuilder, name: string, mask: string): string {
  const column = builder.emit('Unsqueeze', [castTo(builder, mask, 'float32'), builder.integers('last', [-1])]);
  return builder.emit('Mul', [name, column]);
}

/** `values` (N, time, features) at the steps `places` (N, time). */
function gathered(builder: GraphBuilder, values: string, places: string): string {
  const indices = builder.emit('Unsqueeze', [places, builder.integers('last', [-1])]);
  return builder.emit('GatherND', [values, indices], { batch_dims: int(1) });
}

function castTo(builder: GraphBuilder, name: string, dtype: 'int32' | 'int64' | 'float32'): string {
  return builder.emit('Cast', [name], { to: int(DTYPES[dtype].code) });
}
