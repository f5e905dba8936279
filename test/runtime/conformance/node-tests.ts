/**
 * ONNX's own test cases of single operators (onnx/backend/test/data/node), as `.fqz` files with inputs and the outputs that
 * are expected. Nothing here needs Node: the same cases run in a browser.
 */
import { type OpenedFqz, openFqz } from '../../../formats/fqz/read.ts';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { readTensor } from '../../../formats/onnx/read-tensor.ts';
import { messageOf } from '../../../formats/onnx/wire-read.ts';
import { type ElementType, elementsOf, isElementType } from '../../../runtime/elements.ts';
import type { Engine, EngineTensor } from '../../../runtime/engine.ts';
import { createEngine } from '../../../runtime/linear-engine.ts';
import type { Machine } from '../../../runtime/machine.ts';
import { ALL_OPERATORS } from '../../../runtime/operators/all.ts';
import { createPlanner } from '../../../runtime/planner.ts';
import { atOnce } from '../../../runtime/turns.ts';
import { ALL_SHADERS } from '../../../runtime/webgpu/all-shaders.ts';
import type { Gpu } from '../../../runtime/webgpu/device.ts';
import { gpuEngine } from '../../../runtime/webgpu/engine.ts';
import { convert } from '../../../src/convert.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import type { Model } from '../../../src/graph/graph.ts';
import { isFloat, toNumbers } from '../../../src/graph/numbers.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';

/** One test case. */
export interface NodeTest {
  readonly name: string;
  readonly file: Uint8Array;
  /** By name, in the order of the graph. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** A case that can't be run at all, and why. */
export interface Unsupported {
  readonly name: string;
  readonly unsupported: string;
}

/** No fewer cases may pass, and no fewer operators be among them. */
export const LEAST = { passed: 1206, operators: 156 } as const;

/** Differences between numbers that ONNX's own test runner lets pass. */
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

/** The cases among the files of the archive. */
export async function nodeTests(files: ReadonlyMap<string, Uint8Array>): Promise<(NodeTest | Unsupported)[]> {
  const folders = [...files.keys()].flatMap((path) => /^(.*)\/model\.onnx$/.exec(path)?.[1] ?? []);
  const tests: (NodeTest | Unsupported)[] = [];
  for (const folder of folders) tests.push(await nodeTest(files, folder));
  return tests;
}

async function nodeTest(files: ReadonlyMap<string, Uint8Array>, folder: string): Promise<NodeTest | Unsupported> {
  const name = folder.replace(/.*\//, '');
  let model: Model;
  try {
    model = readOnnx(files.get(`${folder}/model.onnx`)!);
  } catch (error) {
    return { name, unsupported: (error as Error).message };
  }
  const { graph } = model;
  const [inputs, outputs] = [graph.inputs, graph.outputs].map((values) => values.map((value) => value.name));
  const ports = [...graph.inputs, ...graph.outputs];
  if (ports.some(({ type }) => type?.kind !== 'tensor')) {
    return { name, unsupported: 'sequences, optionals and maps' };
  }
  const stored = (kind: string, names: readonly string[]) =>
    new Map(
      names.map((value, index) => {
        const bytes = files.get(`${folder}/test_data_set_0/${kind}_${index}.pb`)!;
        return [value, readTensor(messageOf(bytes), noFile, 'attribute').tensor];
      }),
    );
  const tensors = { inputs: stored('input', inputs!), outputs: stored('output', outputs!) };
  for (const { name: input, type } of graph.inputs) {
    // The archive has bfloat16 numbers as the uint16 numbers of their bits.
    if (type?.kind !== 'tensor' || type.dtype !== 'bfloat16') continue;
    tensors.inputs.set(input, { ...tensors.inputs.get(input)!, dtype: 'bfloat16' } as Tensor);
  }
  const odd = [...tensors.inputs.values(), ...tensors.outputs.values()].find(({ dtype }) => !isElementType(dtype));
  if (odd) return { name, unsupported: `tensors of type ${odd.dtype}` };
  const { bytes, report } = await convert(model, { precision: 'lossless', keepNames: true });
  if (report.storedAsOnnx) return { name, unsupported: `stored as ONNX: ${report.storedAsOnnx}` };
  return { name, file: bytes, ...tensors };
}

function noFile(): never {
  throw new Error('these tests have no external data');
}

function operatorsOf({ file }: NodeTest): string[] {
  const { graph } = openFqz(file);
  return graph.kind === 'compact' ? graph.model.graph.nodes.map(({ op }) => op) : [];
}

/** What running the cases has shown. */
export interface Summary {
  readonly passed: number;
  /** Operators of the cases that passed. */
  readonly operators: number;
  /** Cases that came to another result, and how. */
  readonly failures: readonly string[];
  /** All of it in a line. */
  readonly text: string;
}

/** Opens a file with all operators. */
export type Open = (opened: OpenedFqz) => Engine | Promise<Engine>;

/** Opens files on one machine. */
export function onMachine(machine: Machine): Open {
  return (opened) => createEngine(opened, machine, { operators: ALL_OPERATORS });
}

/** Opens files on one GPU. */
export function onGpu(gpu: Gpu, machine: Machine): Open {
  return (opened) => {
    const planner = atOnce(createPlanner(opened, machine, { operators: ALL_OPERATORS }));
    return gpuEngine(planner, machine, gpu, { maxMemory: 2 ** 30, shaders: ALL_SHADERS });
  };
}

/** Runs cases, so many at a time. */
export async function runNodeTests(
  tests: readonly (NodeTest | Unsupported)[],
  open: Open,
  atATime = 1,
): Promise<Summary> {
  const failures: string[] = [];
  const reasons = new Map<string, number>();
  const operators = new Set<string>();
  let passed = 0;
  const refuse = (why: string) => reasons.set(why, (reasons.get(why) ?? 0) + 1);
  const runOne = async (test: NodeTest | Unsupported) => {
    if ('unsupported' in test) {
      refuse(test.unsupported);
      return;
    }
    try {
      const why = await runNodeTest(test, open);
      if (why) failures.push(`${test.name}: ${why}`);
      else passed++;
      if (!why) for (const operator of operatorsOf(test)) operators.add(operator);
    } catch (error) {
      if (error instanceof UnsupportedError) refuse(error.message);
      else failures.push(`${test.name}: ${(error as Error).stack ?? error}`);
    }
  };
  const left = tests.values();
  const worker = async () => {
    for (const test of left) await runOne(test);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  const unsupported = [...reasons].sort((a, b) => b[1] - a[1]);
  const refused = unsupported.reduce((sum, [, count]) => sum + count, 0);
  const list = unsupported.map(([why, count]) => `${count} ${why}`).join('; ');
  const text = `passed ${passed} of ${tests.length}, unsupported ${refused} (${list}), operators covered ${operators.size}`;
  return { passed, operators: operators.size, failures, text };
}

/** What is wrong with the results of a case, or `undefined`. */
async function runNodeTest({ file, inputs, outputs }: NodeTest, open: Open): Promise<string | undefined> {
  const feeds = [...inputs].map(([name, tensor]): [string, EngineTensor] => [name, engineTensor(tensor)]);
  const engine = await open(openFqz(file));
  const results = await engine.run(new Map(feeds));
  engine.dispose();
  for (const [name, expected] of outputs) {
    const why = difference(expected, results.get(name) as EngineTensor | undefined);
    if (why) return `${name}: ${why}`;
  }
  return undefined;
}

function engineTensor(tensor: Tensor): EngineTensor {
  if (tensor.dtype === 'string') throw new TypeError('strings are no numbers');
  return { dtype: tensor.dtype as ElementType, shape: tensor.shape, data: elementsOf(tensor) };
}

/** What is wrong with a result, or `undefined`. */
function difference(expected: Tensor, result: EngineTensor | undefined): string | undefined {
  if (!result) return 'missing';
  const { shape, data } = result;
  // bfloat16 numbers are compared as the uint16 numbers of their bits.
  const isPattern = result.dtype === 'bfloat16' && expected.dtype === 'uint16';
  const dtype = isPattern ? 'uint16' : result.dtype;
  if (dtype !== expected.dtype) return `is ${dtype}, not ${expected.dtype}`;
  if (String(shape) !== String(expected.shape)) return `is [${shape}], not [${expected.shape}]`;
  const numbers = toNumbers({ dtype, shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
  const wanted = toNumbers(expected);
  if (numbers.length !== wanted.length) return `has ${numbers.length} elements`;
  const isInexact = isPattern || isFloat(dtype);
  const isClose = (a: number, b: number) =>
    Object.is(a, b) || a === b || (isInexact && Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b));
  const at = wanted.findIndex((number, index) => !isClose(numbers[index]!, number));
  return at < 0 ? undefined : `element ${at} of ${wanted.length} is ${numbers[at]}, not ${wanted[at]}`;
}
