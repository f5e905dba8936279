/**
 * What a layer is called with, from the `inbound_nodes` of its configuration. Keras has spelt calls in two ways: as lists
 * of `[layer, call, tensor, keyword arguments]` (1.x and 2.x), and as `{args, kwargs}` with `__keras_tensor__` objects
 * in the places of values (3.x).
 */
import { FormatError } from '../../src/errors.ts';
import { isObject, type JsonObject, property } from './json.ts';
import type { CallArgument, LayerCall, TensorReference } from './keras-model.ts';

/** Lists within lists, in calls and of models within models, beyond this depth are taken for an attack. */
export const MAX_DEPTH = 50;

/** The stand-in for a layer where a 2.x call has a constant. */
const CONSTANT = '_CONSTANT_VALUE';

/** One entry of `inbound_nodes`. Throws `FormatError`; `path` names the layer in the message. */
export function layerCall(node: unknown, path: string): LayerCall {
  if (isObject(node) && Array.isArray(node.args)) {
    const kwargs = isObject(node.kwargs) ? node.kwargs : {};
    return {
      args: node.args.map((value) => objectArgument(value, path)),
      kwargs: mapValues(kwargs, (value) => objectArgument(value, path)),
    };
  }
  if (!Array.isArray(node)) throw badCall(path);
  // A single value may stand without a list around it.
  const values = isReference(node) ? [node] : node;
  const args = values.map((value) => listArgument(value, path));
  const keywords = keywordsOf(values);
  return {
    args: args.length === 1 ? args : [{ kind: 'list', items: args }],
    kwargs: mapValues(keywords, (value) => keywordArgument(value, path)),
  };
}

/** All values that a call takes, in order. */
export function referencesIn({ args, kwargs }: LayerCall): TensorReference[] {
  const found: TensorReference[] = [];
  const visit = (argument: CallArgument): void => {
    if (argument.kind === 'tensor') found.push(argument.tensor);
    else if (argument.kind === 'list') for (const item of argument.items) visit(item);
  };
  for (const argument of [...args, ...Object.values(kwargs)]) visit(argument);
  return found;
}

/** The call with each reference replaced. */
export function withReferences(call: LayerCall, replace: (reference: TensorReference) => TensorReference): LayerCall {
  const change = (argument: CallArgument): CallArgument => {
    if (argument.kind === 'tensor') return { kind: 'tensor', tensor: replace(argument.tensor) };
    return argument.kind === 'list' ? { kind: 'list', items: argument.items.map(change) } : argument;
  };
  return { args: call.args.map(change), kwargs: mapValues(call.kwargs, change) };
}

/** References to values in the `input_layers` or `output_layers` of a model, however they are nested. */
export function referenceList(value: unknown, what: string, depth = 0): TensorReference[] {
  if (isReference(value)) return [referenceOf(value)];
  if (depth > MAX_DEPTH) throw new FormatError('Keras', `${what} is nested too deep`);
  if (Array.isArray(value)) return value.flatMap((item) => referenceList(item, what, depth + 1));
  if (isObject(value)) return Object.values(value).flatMap((item) => referenceList(item, what, depth + 1));
  throw new FormatError('Keras', `${what} is not a list of layers`);
}

type ListReference = readonly [layer: string, call: number, tensor: number, keywords?: JsonObject];

const isIndex = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

function isReference(value: unknown): value is ListReference {
  return Array.isArray(value) && typeof value[0] === 'string' && isIndex(value[1]) && isIndex(value[2]);
}

const referenceOf = ([layer, call, tensor]: ListReference): TensorReference => ({ layer, call, tensor });

/** A value of a 1.x or 2.x call. */
function listArgument(value: unknown, path: string, depth = 0): CallArgument {
  if (isReference(value)) return { kind: 'tensor', tensor: referenceOf(value) };
  if (!Array.isArray(value) || depth > MAX_DEPTH) throw badCall(path);
  if (value[0] === CONSTANT) return { kind: 'constant', value: value[2] };
  return { kind: 'list', items: value.map((item) => listArgument(item, path, depth + 1)) };
}

/** The keyword arguments of a 1.x or 2.x call stand beside each of its values. */
function keywordsOf(values: unknown, depth = 0): JsonObject {
  if (!Array.isArray(values) || depth > MAX_DEPTH) return {};
  for (const value of values) {
    if (!Array.isArray(value)) continue;
    const isValue = isReference(value) || value[0] === CONSTANT;
    const found = isValue ? value[3] : keywordsOf(value, depth + 1);
    if (isObject(found) && Object.keys(found).length > 0) return found;
  }
  return {};
}

/** A keyword argument of a 2.x call: values are references, or lists of them; all else is constant. */
function keywordArgument(value: unknown, path: string): CallArgument {
  if (isReference(value) && value.length <= 4) return { kind: 'tensor', tensor: referenceOf(value) };
  const isList = Array.isArray(value) && value.length > 0 && value.every((item) => isReference(item));
  return isList ? listArgument(value, path) : { kind: 'constant', value };
}

/** A value of a 3.x call. */
function objectArgument(value: unknown, path: string, depth = 0): CallArgument {
  if (depth > MAX_DEPTH) throw badCall(path);
  if (property(value, 'class_name') === '__keras_tensor__') {
    const history = property(property(value, 'config'), 'keras_history');
    if (!isReference(history)) throw badCall(path);
    return { kind: 'tensor', tensor: referenceOf(history) };
  }
  if (!Array.isArray(value)) return { kind: 'constant', value };
  const items = value.map((item) => objectArgument(item, path, depth + 1));
  // A list of constants, such as a shape, is a constant.
  return items.length > 0 && items.every(({ kind }) => kind === 'constant')
    ? { kind: 'constant', value }
    : { kind: 'list', items };
}

function badCall(path: string): FormatError {
  return new FormatError('Keras', `layer ${path} has a call that is neither of the forms that Keras writes`);
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
