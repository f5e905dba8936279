/**
 * What calibration needs of an engine that runs ONNX graphs. The engine itself is given from outside: the codec has none.
 */
import type { Model } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';

/** An opened graph. Whoever opens one releases it. */
export interface OpenGraph {
  /** Every output by name, given every input by name. */
  run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>>;
  release(): Promise<void>;
}

/** Opens a model to run its main graph; rejects where the engine refuses it. */
export type Execute = (model: Model) => Promise<OpenGraph>;

/** Opens `model`, runs it on each of `feeds` in turn and hands on the outputs; the graph is released whatever happens. */
export async function runEach(
  execute: Execute,
  model: Model,
  feeds: Iterable<ReadonlyMap<string, Tensor>>,
  use: (outputs: Map<string, Tensor>, run: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const graph = await execute(model);
  try {
    let run = 0;
    for (const each of feeds) {
      signal?.throwIfAborted();
      use(await graph.run(each), run++);
    }
  } finally {
    await graph.release();
  }
}
