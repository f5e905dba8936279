/**
 * The first of the two coded sections of a file (SPEC.md, "Graph section"): everything but the numbers of the weights.
 */
import type { Model } from '../../src/graph/graph.ts';
import type { BitCoder } from './bit-coder.ts';
import { type Companions, companions } from './companions-code.ts';
import { damaged, FOREIGN_SLOT } from './format.ts';
import { codeGraph, type WeightUse } from './graph-code.ts';
import { count, flag, text, times, uint } from './symbols.ts';
import { type NamedHeader, weightHeaders } from './weight-header.ts';

export interface GraphSection extends Companions {
  /** None where the graph is stored as ONNX, whose `foreignLength` bytes follow the section. */
  readonly model?: Model;
  readonly foreignLength: number;
  /** One for each weight, in the order of the file. */
  readonly headers: readonly NamedHeader[];
}

/** The section in a file of a version, with so many layers. */
export function graphSection(coder: BitCoder, version: number, layers: number): GraphSection {
  const isForeign = flag(coder, 'graph is stored as ONNX');
  const { model, weights } = isForeign ? { weights: foreignWeights(coder) } : codeGraph(coder);
  const headers = weightHeaders(coder, weights, version, layers);
  const extras = companions(coder);
  const foreignLength = isForeign ? uint(coder, 'bytes of the ONNX graph') : 0;
  return { ...(model && { model }), headers, ...extras, foreignLength };
}

function foreignWeights(coder: BitCoder): WeightUse[] {
  const uses = times(count(coder, 'weights'), () => ({ name: text(coder, 'weight name'), slot: FOREIGN_SLOT }));
  if (new Set(uses.map(({ name }) => name)).size < uses.length) throw damaged('two weights share a name');
  return uses;
}
