/**
 * The state of a fit as bytes, to go on from: a line of JSON that says what follows, then the arrays in its order.
 */
import { FormatError } from '../errors.ts';
import type { FitState } from './trainer.ts';

/** First word of the header, and the version of what it describes. */
const MAGIC = 'fqz-checkpoint-1';

interface Header {
  readonly magic: string;
  /** What must be the same in the fit that goes on. */
  readonly fit: string;
  readonly taken: number;
  readonly roundedSteps: number;
  readonly rateWeight: number;
  readonly bytesAtRounding: number;
  readonly steps: readonly number[];
}

/**
 * The bytes of a checkpoint.
 *
 * @param fit text that tells this fit from others: a checkpoint is only taken where it is the same
 */
export function writeCheckpoint(state: FitState, fit: string): Uint8Array {
  const { taken, roundedSteps, rateWeight, bytesAtRounding, parameters } = state;
  const steps = parameters.map(({ step }) => step);
  const header: Header = { magic: MAGIC, fit, taken, roundedSteps, rateWeight, bytesAtRounding, steps };
  const parts = [new TextEncoder().encode(`${JSON.stringify(header)}\n`), ...arraysOf(state).map(bytesOf)];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Takes a checkpoint over into `state`, which is that of the same fit before its first step. Throws `FormatError` where the
 * bytes are no checkpoint, are damaged, or are of another fit.
 */
export function restoreCheckpoint(state: FitState, bytes: Uint8Array, fit: string): void {
  const end = bytes.indexOf(0x0a);
  const header = end < 0 ? undefined : parseHeader(bytes.subarray(0, end));
  if (!header) throw new FormatError('checkpoint', 'this is no checkpoint of a fit', 0);
  if (header.fit !== fit) {
    throw new FormatError('checkpoint', `it is of another fit: ${header.fit}, expected ${fit}`);
  }
  const arrays = arraysOf(state).map(bytesOf);
  const expected = arrays.reduce((sum, array) => sum + array.length, end + 1);
  if (bytes.length !== expected) {
    throw new FormatError('checkpoint', `${bytes.length} bytes, expected ${expected}`, bytes.length);
  }
  let at = end + 1;
  for (const array of arrays) {
    array.set(bytes.subarray(at, at + array.length));
    at += array.length;
  }
  const { taken, roundedSteps, rateWeight, bytesAtRounding, steps } = header;
  Object.assign(state, { taken, roundedSteps, rateWeight, bytesAtRounding });
  state.parameters.forEach((parameter, index) => {
    parameter.step = steps[index]!;
  });
}

function parseHeader(bytes: Uint8Array): Header | undefined {
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes)) as Header;
    return header.magic === MAGIC ? header : undefined;
  } catch {
    return undefined;
  }
}

/** All arrays of a state, always in the same order. */
function arraysOf({ parameters, moments, stepMoments }: FitState): (Float32Array | Uint8Array)[] {
  return [
    ...parameters.flatMap(({ values, live }) => [values, live]),
    ...[...moments, stepMoments].flatMap(({ first, second }) => [first, second]),
  ];
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
