/**
 * Runs the command line inside the test's own process, and makes models for it.
 */
import { writeFileSync } from 'node:fs';
import { writeOnnx } from '../../formats/onnx/write.ts';
import { run } from '../../src/cli/run.ts';
import { emptyGraph, modelOf, node } from '../../src/graph/graph.ts';
import { float32Tensor } from '../../src/graph/tensor.ts';
import { normal } from './random.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `fqz` with these arguments prints and returns. */
export async function fqz(...args: string[]): Promise<CliResult> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const code = await run(args, {
    print: (text) => stdout.push(text),
    printError: (text) => stderr.push(text),
    terminal: undefined,
    debug: undefined,
  });
  return { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

/** The one JSON object that `fqz` with these arguments prints, which must succeed without a word on standard error. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
export async function fqzJson(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await fqz(...args, '--json');
  if (code !== 0 || stderr !== '') throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A classifier of 28×28 grey pictures, (N, 1, 28, 28) → (N, 10), with random weights: a Conv, then a Gemm. */
export function writeClassifier(path: string): void {
  const next = normal(1);
  const weights = (...shape: number[]) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return float32Tensor(
      shape,
      Float32Array.from({ length: count }, () => next() / Math.sqrt(count)),
    );
  };
  const graph = emptyGraph('classifier');
  graph.inputs.push({ name: 'image', type: { kind: 'tensor', dtype: 'float32', shape: ['N', 1, 28, 28] } });
  graph.outputs.push({ name: 'logits', type: { kind: 'tensor', dtype: 'float32', shape: ['N', 10] } });
  graph.initializers.set('conv.weight', weights(4, 1, 5, 5));
  graph.initializers.set('conv.bias', weights(4));
  graph.initializers.set('dense.weight', weights(10, 4 * 6 * 6));
  graph.initializers.set('dense.bias', weights(10));
  graph.nodes.push(
    node('Conv', ['image', 'conv.weight', 'conv.bias'], ['conv'], { strides: { type: 'ints', value: [2, 2] } }),
    node('Relu', ['conv'], ['relu']),
    node('MaxPool', ['relu'], ['pool'], {
      kernel_shape: { type: 'ints', value: [2, 2] },
      strides: { type: 'ints', value: [2, 2] },
    }),
    node('Flatten', ['pool'], ['flat']),
    node('Gemm', ['flat', 'dense.weight', 'dense.bias'], ['logits'], { transB: { type: 'int', value: 1 } }),
  );
  writeFileSync(path, writeOnnx(modelOf(graph, 13)));
}
