/**
 * Models that the op table does not describe: their graph travels in a `.fqz` as ONNX, without weights, deflated.
 */
import { deflateSync, Inflate } from 'fflate';
import { readOnnx } from '../formats/onnx/read.ts';
import { writeOnnx } from '../formats/onnx/write.ts';
import { FormatError } from './errors.ts';
import { type Graph, type Model, subgraphs } from './graph/graph.ts';

/** Largest graph, without its weights, that is unpacked: what deflates to more is not a graph. */
const LARGEST_GRAPH_BYTES = 2 ** 28;
/** Bytes that are inflated at a time. */
const SLICE = 2 ** 14;
/** Deflate cannot shrink by more than this (RFC 1951, a run of 258 bytes in two bits). */
const LARGEST_DEFLATE_RATIO = 1032;

/** The graph of `model`, whose main graph has no initialisers left; without what only people read unless `keepNames`. */
export function storeOnnxGraph(model: Model, keepNames: boolean): Uint8Array {
  if (!keepNames) {
    delete model.doc;
    stripGraph(model.graph);
  }
  return deflateSync(writeOnnx(model), { level: 9 });
}

function stripGraph(graph: Graph): void {
  delete graph.doc;
  for (const node of graph.nodes) {
    node.name = '';
    delete node.doc;
    for (const inner of subgraphs(node)) stripGraph(inner);
  }
}

/** The model of which `storeOnnxGraph` made `deflated`. Throws `FormatError` for anything else. */
export function restoreOnnxGraph(deflated: Uint8Array): Model {
  const limit = Math.min(LARGEST_GRAPH_BYTES, LARGEST_DEFLATE_RATIO * deflated.length);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const inflate = new Inflate((chunk) => {
    size += chunk.length;
    if (size > limit) throw new FormatError('fqz', 'the stored ONNX graph is too large');
    chunks.push(chunk);
  });
  try {
    // Slice by slice, so that the limit is seen before the next one is inflated.
    for (let start = 0; start === 0 || start < deflated.length; start += SLICE) {
      inflate.push(deflated.subarray(start, start + SLICE), start + SLICE >= deflated.length);
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError('fqz', 'the stored ONNX graph cannot be inflated', undefined, { cause });
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return readOnnx(bytes);
}
