/**
 * Where a command's output goes: this process' streams, or a test's arrays.
 */

export interface Io {
  /** Writes a line, or several, to standard output. */
  print(text: string): void;
  /** Writes a line, or several, to standard error. */
  printError(text: string): void;
  /** Standard error where it is a terminal: what progress bars are drawn on. */
  readonly terminal: NodeJS.WriteStream | undefined;
  /** The environment's FQZ_DEBUG: errors come with their stack where it is set. */
  readonly debug: string | undefined;
}
