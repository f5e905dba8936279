/**
 * What the recurrent weights of RNN, GRU and LSTM are multiplied with: at each step the hidden state of the step before (ONNX operator
 * documentation, `H[t-1]`). The first step, whose state is mostly zero, is left out. The third gate of a GRU sees that state times another
 * gate, which is left out as well: it lies between 0 and 1.
 */
import { intAttribute, type Model, type Node, stringAttribute } from '../../graph/graph.ts';
import { toFloat32 } from '../../graph/numbers.ts';
import { float32Tensor, type Tensor } from '../../graph/tensor.ts';
import { segmentModel } from './activations.ts';
import { type Execute, runEach } from './executor.ts';

/**
 * Hidden states of `node`, batch by batch: (directions, steps − 1, samples, hidden), as each direction's next step sees them. Rejects as
 * `execute` and its graph do.
 *
 * @param batches the values that `node` takes, by name
 */
export async function hiddenStates(
  node: Node,
  model: Model,
  batches: readonly ReadonlyMap<string, Tensor>[],
  initializers: ReadonlyMap<string, Tensor>,
  execute: Execute,
  signal?: AbortSignal,
): Promise<Tensor[]> {
  const all = node.outputs[0] || 'all hidden states';
  const inputs = [...(batches[0] ?? [])].filter(([name]) => node.inputs.includes(name));
  const alone = segmentModel(model, [{ ...node, outputs: [all] }], inputs, [all], initializers);
  const feeds = batches.map((values) => new Map(inputs.map(([name]) => [name, values.get(name)!])));
  const states: Tensor[] = [];
  await runEach(execute, alone, feeds, (outputs) => states.push(statesBefore(node, outputs.get(all)!)), signal);
  return states;
}

/** From the output Y: (steps, directions, samples, hidden), or (samples, steps, directions, hidden) with `layout` 1. */
function statesBefore(node: Node, output: Tensor): Tensor {
  const samplesFirst = intAttribute(node, 'layout', 0) === 1;
  const [first, second, third, hidden] = output.shape as [number, number, number, number];
  const [steps, directions, samples] = samplesFirst ? [second, third, first] : [first, second, third];
  const kept = Math.max(0, steps - 1);
  const isReverse = stringAttribute(node, 'direction') === 'reverse';
  const values = toFloat32(output);
  const states = new Float32Array(directions * kept * samples * hidden);
  for (let direction = 0, at = 0; direction < directions; direction++) {
    const start = isReverse || direction === 1 ? 1 : 0;
    for (let step = start; step < start + kept; step++) {
      for (let sample = 0; sample < samples; sample++, at += hidden) {
        const place = samplesFirst
          ? (sample * steps + step) * directions + direction
          : (step * directions + direction) * samples + sample;
        states.set(values.subarray(place * hidden, (place + 1) * hidden), at);
      }
    }
  }
  return float32Tensor([directions, kept, samples, hidden], states);
}
