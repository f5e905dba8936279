/**
 * Parses the arguments, loads the verb's module and turns whatever goes wrong into one line.
 */
import { Command, CommanderError } from 'commander';
import type { Io } from './io.ts';
import { packageVersion } from './package-version.ts';

type CommandModule = { command(io: Io): Command };

const VERBS: Readonly<Record<string, { summary: string; load(): Promise<CommandModule> }>> = {
  convert: {
    summary: 'ONNX or Keras model to .fqz',
    load: () => import('./commands/convert.ts'),
  },
  fit: {
    summary: 'train a model on data until its .fqz has the wanted size',
    load: () => import('./commands/fit.ts'),
  },
  inspect: {
    summary: 'what is in a .fqz, ONNX or Keras file, tensor by tensor',
    load: () => import('./commands/inspect.ts'),
  },
  verify: {
    summary: 'compare the outputs of two files on the same inputs',
    load: () => import('./commands/verify.ts'),
  },
  run: {
    summary: 'outputs of a .fqz for arrays or pictures',
    load: () => import('./commands/run.ts'),
  },
  bench: {
    summary: 'speed and memory of a .fqz, and of onnxruntime-web beside it',
    load: () => import('./commands/bench.ts'),
  },
  unpack: {
    summary: '.fqz to ONNX model',
    load: () => import('./commands/unpack.ts'),
  },
  eval: {
    summary: 'accuracy, Dice or error of a .fqz, ONNX or Keras file on data',
    load: () => import('./commands/eval.ts'),
  },
};

/** Runs `fqz` with these arguments (without interpreter and script) and returns the exit code: 0, or 1 for any failure. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const program = await programFor(args, io);
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version have been printed already.
      if (error.exitCode === 0) return 0;
      if (error.code === 'commander.help') return 1;
    }
    io.printError(errorLine(error, io.debug));
    return 1;
  }
}

/** The program with the verb that `args` names loaded, and the others known by name and summary only. */
async function programFor(args: readonly string[], io: Io): Promise<Command> {
  const program = new Command('fqz')
    .description(
      'Neural networks as small as icons: converts ONNX and Keras models to .fqz files, runs and checks them.',
    )
    .version(await packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', '\nfqz COMMAND --help tells more about a command and gives examples.');
  const wanted = args.find((arg) => !arg.startsWith('-'));
  for (const [verb, { summary, load }] of Object.entries(VERBS)) {
    const known = wanted === verb || wanted === 'help';
    program.addCommand(known ? (await load()).command(io).summary(summary) : new Command(verb).summary(summary));
  }
  for (const command of [program, ...program.commands]) {
    command
      .helpOption('-h, --help', 'print this help')
      .exitOverride()
      .configureOutput({
        writeOut: (text) => io.print(text.replace(/\n$/, '')),
        writeErr: (text) => io.printError(text.replace(/\n$/, '')),
        // Thrown as a CommanderError too, and printed from there.
        outputError: () => {},
      });
  }
  return program;
}

const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'a part of this path is not a folder',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
};

/** One line that tells the user what went wrong; with `debug` set, the stack and causes follow. */
export function errorLine(error: unknown, debug?: string): string {
  if (!(error instanceof Error)) return `fqz: ${oneLine(String(error))}`;
  const { code, path } = error as NodeJS.ErrnoException;
  const system = code !== undefined && path !== undefined ? SYSTEM_ERRORS[code] : undefined;
  const message = system === undefined ? error.message.replace(/^error: /, '') : `${path}: ${system}`;
  // Errors of the format begin with its name, which is this program's too.
  const line = `fqz: ${oneLine(message).replace(/^fqz: /, '') || error.name}`;
  return debug ? `${line}\n${error.stack}${error.cause instanceof Error ? `\n${error.cause.stack}` : ''}` : line;
}

/** The text without line breaks and other control characters, which a hostile file's names may hold. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}
