/**
 * A Keras model as every kind of file describes it, before any of it becomes ONNX: layers with their configuration,
 * how they are called, and their arrays in Keras' own order (`layer.get_weights()`).
 */

/** An array as Keras keeps it, row-major; any float type has been turned to float32. */
export interface KerasArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A value: output `tensor` of call number `call` of the layer with this name. */
export interface TensorReference {
  readonly layer: string;
  readonly call: number;
  readonly tensor: number;
}

/** What a layer is called with: a value, a constant or `null`, or a list of such. */
export type CallArgument =
  | { readonly kind: 'tensor'; readonly tensor: TensorReference }
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'list'; readonly items: readonly CallArgument[] };

/** One call of a layer; a shared layer has several. */
export interface LayerCall {
  readonly args: readonly CallArgument[];
  readonly kwargs: Readonly<Record<string, CallArgument>>;
}

export interface KerasLayer {
  /** Class name without package, such as `Conv2D`. */
  readonly className: string;
  readonly name: string;
  /** Names of the enclosing models and this layer, joined by slashes: what messages call it. */
  readonly path: string;
  /** As in the file, in the spelling of the Keras version that wrote it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In the order of `layer.get_weights()`; empty where there is a model inside, whose layers have their own. */
  readonly weights: readonly KerasArray[];
  /** The model inside, where the layer is a model itself, or a wrapper that applies one. */
  readonly inner?: KerasTopology;
  /** Empty for the input layers, which nothing feeds. */
  readonly calls: readonly LayerCall[];
}

/** Layers of one Sequential or Functional model and how they hang together. */
export interface KerasTopology {
  readonly name: string;
  /** In the file's order; a layer may be called by one that stands before it. */
  readonly layers: readonly KerasLayer[];
  readonly inputs: readonly TensorReference[];
  readonly outputs: readonly TensorReference[];
}

export interface KerasModel {
  /** Such as `2.0.5` or `3.8.0`; empty where the file does not say. */
  readonly kerasVersion: string;
  readonly topology: KerasTopology;
}
