/**
 * From parameters to a file: the real coder says how many bytes a fit has come to.
 */
import { whyNotCompact } from '../../formats/fqz/compact.ts';
import { type WrittenArchive, writeFqz } from '../../formats/fqz/write.ts';
import type { Archive } from '../codec/archive.ts';
import { storeOnnxGraph } from '../foreign-graph.ts';
import type { Model } from '../graph/graph.ts';
import type { Preparation } from '../graph/preparation.ts';
import { type Parameter, storedWeight } from './parameter.ts';

/** What is stored beside the graph and the weights. */
export interface Companions {
  preparation?: Preparation;
  labels?: readonly string[];
}

export interface Assembly {
  /** The archive with the parameters as they are now, rounded. */
  archive(parameters: readonly Parameter[]): Archive;
  /** Its file. */
  write(parameters: readonly Parameter[]): WrittenArchive;
}

/** The assembly for `model`, simplified and without what is dropped; what is no parameter is stored exactly. */
export function assemblyFor(model: Model, companions: Companions): Assembly {
  const { initializers } = model.graph;
  // Copies, since storing a graph as ONNX takes the names out of its nodes.
  const nodes = model.graph.nodes.map((node) => ({ ...node }));
  const bare = { ...model, graph: { ...model.graph, nodes, initializers: new Map() } };
  const graph: Archive['graph'] =
    whyNotCompact(bare) === undefined
      ? { kind: 'compact', model: bare }
      : { kind: 'onnx', deflated: storeOnnxGraph(bare, false) };
  const archive = (parameters: readonly Parameter[]): Archive => {
    const trained = new Map(parameters.map((parameter) => [parameter.name, parameter]));
    const weights = [...initializers].map(([name, tensor]) => {
      const parameter = trained.get(name);
      return parameter ? storedWeight(parameter) : { name, tensor };
    });
    return { graph, weights, ...companions };
  };
  return { archive, write: (parameters) => writeFqz(archive(parameters)) };
}
