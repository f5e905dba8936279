/**
 * The options of commands that run models in onnxruntime.
 */
import { type Command, Option } from 'commander';
import { wholeNumber } from './arguments.ts';
import type { RunnableOptions } from './load-model.ts';

/** Adds --form, --engine and --threads. */
export function addRuntimeOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--form <form>', 'weights of a .fqz as dense tensors, as chains of factors, or whichever costs less')
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
export type RuntimeFlags = Required<Pick<RunnableOptions, 'form' | 'engine'>> & Pick<RunnableOptions, 'threads'>;
