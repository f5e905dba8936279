/**
 * Values of constant subgraphs, computed by onnxruntime: the `Evaluate` that constant folding is given.
 */
import { writeOnnx } from '../formats/onnx/write.ts';
import type { Evaluate } from './graph/passes/fold-constants.ts';
import { openOnnx } from './onnxruntime.ts';

/**
 * Runs `model`, with `outputs` as its graph outputs and without any input, in onnxruntime. Throws as `openOnnx` and
 * its `run` do.
 */
export const onnxruntimeEvaluate: Evaluate = async (model, outputs) => {
  const graph = { ...model.graph, inputs: [], outputs: outputs.map((name) => ({ name })) };
  const session = await openOnnx(writeOnnx({ ...model, graph }));
  try {
    return await session.run(new Map());
  } finally {
    await session.release();
  }
};
