/**
 * The options of commands that run models, in onnxruntime or in the project's own runtime.
 */
import { type Command, Option } from 'commander';
import { positiveNumber, wholeNumber } from './arguments.ts';
import type { RunnableOptions } from './load-model.ts';

/** Adds --form, --engine and --threads, and --backend with `backend` as its default. */
export function addRuntimeOptions(command: Command, backend: RuntimeFlags['backend'] = 'onnxruntime'): Command {
  return command
    .addOption(
      new Option(
        '--backend <backend>',
        'what runs a .fqz: onnxruntime, or the own runtime in WebAssembly or JavaScript',
      )
        .choices(['onnxruntime', 'wasm', 'js'])
        .default(backend),
    )
    .option('--width <fraction>', "run at a fraction of the model's width (backends wasm and js)", positiveNumber)
    .addOption(
      new Option(
        '--form <form>',
        'in onnxruntime: weights of a .fqz dense, as chains of factors, or whichever costs less',
      )
        .choices(['dense', 'factored', 'auto'])
        .default('auto'),
    )
    .addOption(
      new Option('--engine <engine>', 'onnxruntime-node, onnxruntime-web, or node where it is installed')
        .choices(['auto', 'node', 'web'])
        .default('auto'),
    )
    .option('--threads <N>', 'threads of onnxruntime', wholeNumber(1, 1024));
}

/** The options as commander parsed them. */
export type RuntimeFlags = Required<Pick<RunnableOptions, 'form' | 'engine' | 'backend'>> &
  Pick<RunnableOptions, 'threads' | 'width'>;
