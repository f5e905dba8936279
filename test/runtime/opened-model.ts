/**
 * A model as a file that keeps every bit gives it, without the time that coding takes.
 */
import { headerOf } from '../../formats/fqz/header-of.ts';
import type { OpenedFqz } from '../../formats/fqz/read.ts';
import { readOnnx } from '../../formats/onnx/read.ts';
import { simplify } from '../../src/graph/passes/simplify.ts';

/** The simplified model in the bytes of an ONNX file. */
export async function openedModel(onnx: Uint8Array): Promise<OpenedFqz> {
  const model = readOnnx(onnx);
  await simplify(model);
  const weights = [...model.graph.initializers].map(([name, tensor]) => ({ name, tensor }));
  model.graph.initializers.clear();
  return {
    version: 1,
    graph: { kind: 'compact', model },
    graphBytes: 0,
    weightBytes: 0,
    layerEnds: [],
    headers: weights.map((weight) => ({ name: weight.name, ...headerOf(weight) })),
    *weights() {
      yield* weights;
    },
  };
}
