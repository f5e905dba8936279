/**
 * The structure of a model from its configuration: the layers of Sequential, Functional and nested models and how they
 * call each other. Weights come later, from wherever the kind of file keeps them.
 */
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import { layerCall, MAX_DEPTH, referenceList, referencesIn, withReferences } from './call-arguments.ts';
import { isObject, type JsonObject, property, textProperty } from './json.ts';
import { fromKeras1, isKeras1 } from './keras-1.ts';
import type { KerasLayer, KerasTopology, LayerCall, TensorReference } from './keras-model.ts';

/** What Keras has called a model of each kind; `Model` can be either's base class. */
const SEQUENTIAL = new Set(['Sequential']);
const FUNCTIONAL = new Set(['Functional', 'Model', 'Network', 'Container']);

/** The wrapper that may hold a model. */
const STEPWISE = 'TimeDistributed';

/** A layer's or model's class and settings, as all versions write them. */
interface Description {
  readonly className: string;
  readonly name: string;
  readonly config: JsonObject;
  /** What Keras 3 remembers of building it. */
  readonly buildConfig: JsonObject;
  readonly inboundNodes: readonly unknown[];
}

/**
 * The structure that the configuration of a model (`{class_name, config}`) describes, with layers that have no weights
 * yet. Throws `FormatError` for a configuration that is not what Keras writes or whose layers wait for each other, and
 * `UnsupportedError` for a model class of one's own, a model that was never built, and quantised layers.
 */
export function readTopology(configuration: JsonObject, kerasVersion: string): KerasTopology {
  const model = describe(configuration, 'the model', kerasVersion);
  if (!isModel(model)) {
    throw new UnsupportedError(
      `Keras model "${model.name}" is of the class ${model.className}, whose code is not in the file: only Sequential and Functional models can be read`,
    );
  }
  const topology = topologyOf(model, model.name, kerasVersion, 0);
  if (callCount(topology) > MAX_CALLS) {
    throw new FormatError('Keras', `the layers of the model are called more than ${MAX_CALLS} times`);
  }
  return topology;
}

/** A model that calls a model twice that calls a model twice and so on is a small file and an endless graph. */
const MAX_CALLS = 100_000;

function callCount({ layers }: KerasTopology): number {
  return layers.reduce((sum, { inner, calls }) => sum + calls.length * (inner ? callCount(inner) : 1), 0);
}

function isModel({ className, config }: Description): boolean {
  return (
    SEQUENTIAL.has(className) ||
    FUNCTIONAL.has(className) ||
    (Array.isArray(config.layers) && 'output_layers' in config)
  );
}

function topologyOf(model: Description, path: string, kerasVersion: string, depth: number): KerasTopology {
  if (depth > MAX_DEPTH) throw new FormatError('Keras', `models are nested more than ${MAX_DEPTH} deep at ${path}`);
  const list = model.config.layers;
  if (!Array.isArray(list)) throw new FormatError('Keras', `the model ${path} has no list of layers`);
  const descriptions = list.map((item, index) => describe(item, `layer ${index} of ${path}`, kerasVersion));
  const layers = descriptions.map((description) =>
    layerOf(description, `${path}/${description.name}`, kerasVersion, depth),
  );
  const names = new Set(layers.map(({ name }) => name));
  if (names.size < layers.length) throw new FormatError('Keras', `two layers of ${path} have the same name`);
  const topology = SEQUENTIAL.has(model.className)
    ? chain(model, descriptions, layers, path)
    : network(model, layers, path);
  checkOrder(topology, path);
  return topology;
}

/** Reads what both layers and models have; the configuration of a Keras 1 Sequential is the bare list of its layers. */
function describe(value: unknown, what: string, kerasVersion: string): Description {
  if (!isObject(value)) throw new FormatError('Keras', `${what} is not described by a JSON object`);
  const qualified = textProperty(value, 'class_name', what);
  const className = qualified.slice(qualified.lastIndexOf('>') + 1);
  const config = Array.isArray(value.config) ? { layers: value.config } : (value.config ?? {});
  if (!isObject(config)) throw new FormatError('Keras', `${what} (${className}) has no config`);
  // A list of layers, and a model class of one's own, need not have a name.
  const name = config.name ?? value.name ?? className.toLowerCase();
  if (typeof name !== 'string' || name === '') throw new FormatError('Keras', `${what} (${className}) has no name`);
  const modern = isKeras1(kerasVersion) ? fromKeras1(className, config) : { className, config };
  return {
    ...modern,
    name,
    buildConfig: isObject(value.build_config) ? value.build_config : {},
    inboundNodes: Array.isArray(value.inbound_nodes) ? value.inbound_nodes : [],
  };
}

function layerOf(description: Description, path: string, kerasVersion: string, depth: number): KerasLayer {
  const { className, name, config, inboundNodes } = description;
  checkNotQuantized(config.dtype, `Keras layer "${name}" (${className}) at ${path}`);
  const model = modelWithin(description, path, kerasVersion);
  return {
    className,
    name,
    path,
    config,
    weights: [],
    ...(model && { inner: topologyOf(model, path, kerasVersion, depth + 1) }),
    calls: inboundNodes.map((node) => layerCall(node, path)),
  };
}

/** The model that a layer is, or that it applies to every step. */
function modelWithin(description: Description, path: string, kerasVersion: string): Description | undefined {
  if (isModel(description)) return description;
  const { className, config } = description;
  if (className !== STEPWISE || !isObject(config.layer)) return undefined;
  const wrapped = describe(config.layer, `the layer inside ${path}`, kerasVersion);
  return isModel(wrapped) ? wrapped : undefined;
}

function checkNotQuantized(dtype: unknown, layer: string): void {
  const policy = isObject(dtype) ? `${dtype.class_name} ${property(dtype.config, 'mode') ?? ''}` : `${dtype}`;
  if (!/quantized|^(int8|int4|float8|gptq|awq)/i.test(policy)) return;
  throw new UnsupportedError(`${layer} has quantised weights (${policy.trim()}): save the model before model.quantize`);
}

/** A Sequential model: each layer is called with what the layer before it gives. */
function chain(
  model: Description,
  descriptions: readonly Description[],
  layers: readonly KerasLayer[],
  path: string,
): KerasTopology {
  const [first] = layers;
  if (!first) throw new FormatError('Keras', `the Sequential model ${path} has no layers`);
  const input = first.className === 'InputLayer' ? first : inputOf(model, descriptions[0]!, first, path);
  const rest = first === input ? layers.slice(1) : layers;
  let previous: TensorReference = { layer: input.name, call: 0, tensor: 0 };
  const called = rest.map((layer): KerasLayer => {
    const call: LayerCall = { args: [{ kind: 'tensor', tensor: previous }], kwargs: {} };
    previous = { layer: layer.name, call: 0, tensor: 0 };
    return { ...layer, calls: [call] };
  });
  return {
    name: model.name,
    layers: [{ ...input, calls: [] }, ...called],
    inputs: [{ layer: input.name, call: 0, tensor: 0 }],
    outputs: [previous],
  };
}

/** The input layer that a Sequential model may leave out of its list. */
function inputOf(model: Description, description: Description, first: KerasLayer, path: string): KerasLayer {
  const { config } = description;
  const inner = first.inner?.layers.find(({ name }) => name === first.inner!.inputs[0]?.layer)?.config;
  const shape = [
    config.batch_input_shape,
    config.batch_shape,
    inner?.batch_input_shape,
    inner?.batch_shape,
    model.config.build_input_shape,
    model.buildConfig.input_shape,
    description.buildConfig.input_shape,
  ].find(Array.isArray);
  if (!shape) {
    throw new UnsupportedError(
      `Keras model ${path} does not say what shape its input has: call it, or model.build(shape), before model.save`,
    );
  }
  const name = `${first.name}_input`;
  const dtype = inner?.dtype ?? config.dtype;
  const settings = { name, batch_shape: shape, ...(dtype !== undefined && { dtype }) };
  return { className: 'InputLayer', name, path: `${path}/${name}`, config: settings, weights: [], calls: [] };
}

/** A Functional model: layers say themselves what they are called with. */
function network({ name, config }: Description, layers: readonly KerasLayer[], path: string): KerasTopology {
  const inputs = referenceList(config.input_layers, `input_layers of ${path}`);
  const outputs = referenceList(config.output_layers, `output_layers of ${path}`);
  if (inputs.length === 0 || outputs.length === 0)
    throw new FormatError('Keras', `the model ${path} has no inputs or no outputs`);
  const firstCalls = firstCallNumbers(layers, outputs);
  const fromZero = (reference: TensorReference): TensorReference => ({
    ...reference,
    call: reference.call - (firstCalls.get(reference.layer) ?? 0),
  });
  return {
    name,
    layers: layers.map((layer) => ({ ...layer, calls: layer.calls.map((call) => withReferences(call, fromZero)) })),
    inputs,
    outputs: outputs.map(fromZero),
  };
}

/**
 * The number that the first call of each nested model goes by. In most versions a model counts the making of itself as
 * its call 0, which no file lists; all listed calls are referred to, or Keras would have left them out.
 */
function firstCallNumbers(
  layers: readonly KerasLayer[],
  outputs: readonly TensorReference[],
): ReadonlyMap<string, number> {
  const ranges = new Map<string, { first: number; last: number }>();
  for (const { layer, call } of [...outputs, ...layers.flatMap(({ calls }) => calls.flatMap(referencesIn))]) {
    const { first, last } = ranges.get(layer) ?? { first: call, last: call };
    ranges.set(layer, { first: Math.min(first, call), last: Math.max(last, call) });
  }
  const startAtOne = layers.filter(({ name, inner, calls }) => {
    const range = ranges.get(name);
    return inner && range && range.first >= 1 && range.last === calls.length;
  });
  return new Map(startAtOne.map(({ name }) => [name, 1]));
}

/** Throws `FormatError` where a call refers to what is not there, or waits for itself. */
function checkOrder({ layers, inputs, outputs }: KerasTopology, path: string): void {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const callsOf = (layer: KerasLayer) => Math.max(layer.calls.length, 1);
  const calls = new Map<string, readonly string[]>();
  const key = ({ layer, call }: TensorReference) => `${call} ${layer}`;
  const check = (reference: TensorReference, by: string) => {
    const layer = byName.get(reference.layer);
    if (layer && reference.call >= 0 && reference.call < callsOf(layer)) return key(reference);
    throw new FormatError(
      'Keras',
      `${by} takes call ${reference.call} of the layer "${reference.layer}", which ${path} does not have`,
    );
  };
  for (const reference of [...inputs, ...outputs]) check(reference, path);
  for (const layer of layers) {
    for (let call = 0; call < callsOf(layer); call++) {
      const needs = layer.calls.slice(call, call + 1).flatMap(referencesIn);
      calls.set(
        key({ layer: layer.name, call, tensor: 0 }),
        needs.map((reference) => check(reference, layer.path)),
      );
    }
  }
  const waiting = unorderable(calls);
  if (waiting !== undefined) {
    throw new FormatError(
      'Keras',
      `the layer "${waiting.slice(waiting.indexOf(' ') + 1)}" of ${path} waits for its own output`,
    );
  }
}

/** Something that, directly or not, needs itself; `undefined` where all can be put in order. */
function unorderable(needs: ReadonlyMap<string, readonly string[]>): string | undefined {
  const missing = new Map([...needs].map(([key, list]) => [key, list.length]));
  const users = new Map<string, string[]>();
  for (const [key, list] of needs) {
    for (const need of list) {
      const known = users.get(need);
      if (known) known.push(key);
      else users.set(need, [key]);
    }
  }
  const ready = [...missing.keys()].filter((key) => missing.get(key) === 0);
  for (let key = ready.pop(); key !== undefined; key = ready.pop()) {
    missing.delete(key);
    for (const user of users.get(key) ?? []) {
      const left = missing.get(user)! - 1;
      missing.set(user, left);
      if (left === 0) ready.push(user);
    }
  }
  return missing.keys().next().value;
}
