/**
 * Writing a result so that a file is either whole or not there: beside the target, then renamed.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, realpathSync, renameSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A file that can be written, as far as can be known beforehand. */
export interface OutputFile {
  readonly path: string;
  /** Puts `bytes` in place in one step. */
  write(bytes: Uint8Array): void;
}

/**
 * Checks that `path` can be written, before long work starts. Throws `TypeError` where it is one of `inputs` or a
 * folder, and Node's own error where its folder does not take files. Devices such as /dev/null are written directly.
 */
export function prepareOutput(path: string, inputs: readonly string[]): OutputFile {
  const existing = statOf(path);
  if (existing?.isDirectory()) throw new TypeError(`output ${path} is a folder`);
  if (existing && inputs.some((input) => isSame(existing, statOf(input)))) {
    throw new TypeError(`output ${path} is the input itself`);
  }
  if (existing && !existing.isFile()) return { path, write: (bytes) => writeFileSync(path, bytes) };

  const target = existing ? realpathSync(path) : path;
  if (existing) closeSync(openSync(target, 'r+'));
  const beside = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  naming(path, () => writeAndRemoveOnFailure(beside, new Uint8Array()));
  rmSync(beside);
  return {
    path,
    // In one turn of the event loop, so that Ctrl-C cannot come between.
    write: (bytes) =>
      naming(path, () => {
        writeAndRemoveOnFailure(beside, bytes);
        try {
          renameSync(beside, target);
        } catch (error) {
          rmSync(beside, { force: true });
          throw error;
        }
      }),
  };
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

const isSame = (a: Stats, b: Stats | undefined): boolean => a.ino === b?.ino && a.dev === b.dev;

function writeAndRemoveOnFailure(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(path, { force: true });
    throw error;
  }
}

/** Runs `action`; a failure names the file that the user asked for, not the one beside it. */
function naming(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { path });
  }
}
