/**
 * A Keras model as an ONNX graph: walks the calls from the outputs back to the inputs, and lets each layer's rule add
 * its nodes.
 */
import { FormatError, UnsupportedError } from '../../src/errors.ts';
import type { DType } from '../../src/graph/dtype.ts';
import { type Dim, type Model, modelOf, node, type Value } from '../../src/graph/graph.ts';
import { renameUses } from '../../src/graph/uses.ts';
import {
  channelsFirst,
  createGraphBuilder,
  type GraphBuilder,
  identity,
  type KerasValue,
  keptShape,
} from './graph-builder.ts';
import type { CallArgument, KerasLayer, KerasModel, KerasTopology, TensorReference } from './keras-model.ts';
import { setting } from './layer-config.ts';
import { type Argument, layerError, layerTitle, unsupportedLayer, valuesOf } from './layer-rule.ts';
import { layerRow } from './layer-table.ts';

export interface BuildOptions {
  /**
   * How the graph takes and gives images: as the Keras model does (`keras`, the default), or with the channels first
   * (`nchw`), where the model itself has them last.
   */
  layout?: 'keras' | 'nchw';
}

/** The version of ONNX's default operators that the rules write, and the IR version that goes with it. */
const OPSET = 21;
const IR_VERSION = 10;

/** The name of the batch's size in the graph's inputs. */
const BATCH = 'N';

/** What the walk keeps for the whole model. */
interface Walk {
  readonly builder: GraphBuilder;
  readonly kerasMajor: number;
  /** What stands before the first slash of every path. */
  readonly root: string;
  /** How often each layer has been applied, by path. */
  readonly applied: Map<string, number>;
}

/**
 * Builds the graph of a Keras model at opset 21, in ONNX's own layout of images; inputs and outputs are named after the
 * Keras layers they are of, the other values after the layers' paths.
 *
 * @throws {UnsupportedError} for a layer that no rule reads, or a setting of it; the message has the layer's path
 * @throws {FormatError} where layers, their settings and their weights do not fit together
 */
export function buildGraph(model: KerasModel, options: BuildOptions = {}): Model {
  const { topology, kerasVersion } = model;
  const builder = createGraphBuilder(topology.name);
  const major = Number.parseInt(kerasVersion, 10);
  const walk: Walk = {
    builder,
    kerasMajor: Number.isNaN(major) ? 2 : major,
    root: `${topology.name}/`,
    applied: new Map(),
  };
  const turnsImages = options.layout === 'nchw' && !hasChannelsFirst(topology);
  const byName = layersByName(topology);
  const inputs = topology.inputs.map((reference) =>
    graphInput(walk, layerOf(byName, topology, reference), turnsImages),
  );
  const outputs = applyTopology(walk, topology, inputs);
  addOutputs(builder, topology, outputs, turnsImages);
  const result = modelOf(builder.graph, OPSET, IR_VERSION);
  result.producerName = kerasVersion === '' ? 'Keras' : `Keras ${kerasVersion}`;
  return result;
}

/** Whether a layer of the model takes its images with the channels first, so that its inputs have them so already. */
function hasChannelsFirst({ layers }: KerasTopology): boolean {
  return layers.some(
    (layer) => layer.config.data_format === 'channels_first' || (layer.inner && hasChannelsFirst(layer.inner)),
  );
}

function isImage(shape: readonly Dim[]): boolean {
  return shape.length === 4 || shape.length === 5;
}

/** Adds the graph's input for an input layer. */
function graphInput({ builder }: Walk, layer: KerasLayer, turnsImages: boolean): KerasValue {
  const shape = inputShape(layer);
  for (const kind of ['sparse', 'ragged']) {
    if (setting(layer, kind) === true) throw unsupportedLayer(layer, `takes ${kind} values`);
  }
  const order = turnsImages && isImage(shape) ? channelsFirst(shape.length) : identity(shape.length);
  const value: KerasValue = { name: builder.fresh(layer.name), dtype: inputDtype(layer), shape, order };
  builder.graph.inputs.push(port(value));
  return value;
}

function port(value: KerasValue): Value {
  return { name: value.name, type: { kind: 'tensor', dtype: value.dtype, shape: keptShape(value) } };
}

function inputShape(layer: KerasLayer): Dim[] {
  const shape = setting(layer, 'batch_shape') ?? setting(layer, 'batch_input_shape');
  const isSize = (size: unknown) => size === null || (Number.isSafeInteger(size) && (size as number) > 0);
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every(isSize)) {
    throw layerError(layer, `has no usable input shape: ${JSON.stringify(shape) ?? 'none is given'}`);
  }
  return shape.map((size, axis) => size ?? (axis === 0 ? BATCH : `${layer.name}_${axis}`));
}

/** Types that a graph's input keeps; the other floating-point types are taken as float32. */
const INPUT_DTYPES: readonly DType[] = ['float32', 'int32', 'int64', 'uint8', 'int8', 'int16', 'uint16', 'bool'];

function inputDtype(layer: KerasLayer): DType {
  const given = setting(layer, 'dtype') ?? 'float32';
  const name = typeof given === 'object' ? 'float32' : String(given);
  if (/^(float|bfloat|mixed_)/.test(name)) return 'float32';
  const dtype = INPUT_DTYPES.find((known) => known === name);
  if (dtype) return dtype;
  throw unsupportedLayer(layer, `takes values of type ${name}`);
}

function layersByName({ layers }: KerasTopology): ReadonlyMap<string, KerasLayer> {
  return new Map(layers.map((layer) => [layer.name, layer]));
}

function layerOf(
  layers: ReadonlyMap<string, KerasLayer>,
  { name }: KerasTopology,
  reference: TensorReference,
): KerasLayer {
  const layer = layers.get(reference.layer);
  if (layer) return layer;
  throw new FormatError('Keras', `model "${name}" has no layer "${reference.layer}", which one of its values is of`);
}

/** Applies all layers of a model that its outputs need, and returns the outputs. */
function applyTopology(walk: Walk, topology: KerasTopology, inputs: readonly KerasValue[]): KerasValue[] {
  const layers = layersByName(topology);
  const done = new Map<string, readonly KerasValue[]>();
  const key = ({ layer, call }: TensorReference) => `${call} ${layer}`;
  topology.inputs.forEach((reference, index) => {
    const earlier = done.get(key(reference)) ?? [];
    const values = [...earlier];
    values[reference.tensor] = inputs[index]!;
    done.set(key(reference), values);
  });
  const resultOf = (reference: TensorReference): KerasValue => {
    const value = done.get(key(reference))?.[reference.tensor];
    if (value) return value;
    throw layerError(layerOf(layers, topology, reference), `has no output ${reference.tensor}`);
  };
  const resolve = (argument: CallArgument): Argument => {
    if (argument.kind === 'tensor') return { kind: 'value', value: resultOf(argument.tensor) };
    return argument.kind === 'list' ? { kind: 'list', items: argument.items.map(resolve) } : argument;
  };

  const pending = [...topology.outputs].reverse();
  const entered = new Set<string>();
  while (pending.length > 0) {
    const reference = pending.at(-1)!;
    const layer = layerOf(layers, topology, reference);
    const call = layer.calls[reference.call];
    if (done.has(key(reference))) {
      pending.pop();
      continue;
    }
    if (!call) throw layerError(layer, `is an output of call ${reference.call}, and has ${layer.calls.length} calls`);
    const kwargs = Object.entries(call.kwargs);
    const missing = [...call.args, ...kwargs.map(([, argument]) => argument)]
      .flatMap(referencesIn)
      .filter((needed) => !done.has(key(needed)));
    if (missing.length === 0) {
      const resolved = Object.fromEntries(kwargs.map(([name, argument]) => [name, resolve(argument)]));
      done.set(key(reference), applyLayer(walk, layer, call.args.map(resolve), resolved));
      pending.pop();
    } else if (entered.has(key(reference))) {
      throw layerError(layer, 'takes a value that is made of its own output');
    } else {
      entered.add(key(reference));
      pending.push(...missing.reverse());
    }
  }
  return topology.outputs.map(resultOf);
}

function referencesIn(argument: CallArgument): TensorReference[] {
  if (argument.kind === 'tensor') return [argument.tensor];
  return argument.kind === 'list' ? argument.items.flatMap(referencesIn) : [];
}

/** Applies one layer, or the model inside it, to its inputs. */
function applyLayer(
  walk: Walk,
  layer: KerasLayer,
  args: readonly Argument[],
  kwargs: Readonly<Record<string, Argument>> = {},
): KerasValue[] {
  const { inner } = layer;
  const row = layerRow(layer.className);
  // A wrapper has a rule, which applies the model inside itself.
  if (inner && !row) {
    const values = valuesOf(args);
    if (values.length === inner.inputs.length) return applyTopology(walk, inner, values);
    throw layerError(layer, `is called with ${values.length} inputs, expected ${inner.inputs.length}`);
  }
  if (!row) {
    throw new UnsupportedError(
      `Keras ${layerTitle(layer)}: a layer of the model's own, whose code the file does not hold`,
    );
  }
  if ('refused' in row) throw unsupportedLayer(layer, row.refused);
  const scope = layer.path.startsWith(walk.root) ? layer.path.slice(walk.root.length) : layer.path;
  const times = walk.applied.get(layer.path) ?? 0;
  walk.applied.set(layer.path, times + 1);
  const result = row.rule({
    layer,
    kerasMajor: walk.kerasMajor,
    args,
    kwargs,
    builder: walk.builder.scoped(times === 0 ? scope : `${scope}_call_${times}`, scope),
    apply: (inside, insideArgs, insideKwargs) => applyLayer(walk, inside, insideArgs, insideKwargs),
  });
  const outputs: readonly KerasValue[] = Array.isArray(result) ? result : [result as KerasValue];
  const mask = row.passesMask && valuesOf(args)[0]?.mask;
  return outputs.map(({ mask: own, ...value }) => {
    const passed = own ?? mask;
    return passed === undefined ? value : { ...value, mask: passed };
  });
}

/** Declares the outputs of the graph, named after the layers they are of. */
function addOutputs(
  builder: GraphBuilder,
  { outputs }: KerasTopology,
  values: readonly KerasValue[],
  turnsImages: boolean,
): void {
  const { graph } = builder;
  const kept = values.map((value) => {
    const rank = value.shape.length;
    return builder.ordered(value, turnsImages && isImage(value.shape) ? channelsFirst(rank) : identity(rank));
  });
  const made = new Set(graph.nodes.flatMap((each) => each.outputs));
  const renamed = new Map<string, string>();
  kept.forEach((value, index) => {
    const name = builder.fresh(outputs[index]!.layer);
    const earlier = renamed.get(value.name);
    if (made.has(value.name) && earlier === undefined) renamed.set(value.name, name);
    else graph.nodes.push(node('Identity', [earlier ?? value.name], [name], {}, `${name}/Identity`));
    graph.outputs.push(port({ ...value, name }));
  });
  for (const each of graph.nodes) each.outputs = each.outputs.map((name) => renamed.get(name) ?? name);
  renameUses(graph, renamed);
}
