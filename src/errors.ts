/**
 * The errors of this project. Every shell (the command line, a page) can print `message` as one line as it is.
 * A caller's own mistake is a `TypeError` or `RangeError`; these two are about what was read.
 */

/** Bytes that are not what their format demands. */
export class FormatError extends Error {
  override readonly name: string = 'FormatError';
  /** The format that was being read, such as `ONNX` or `fqz`. */
  readonly format: string;
  /** Byte offset of the fault in the input, where it is known. */
  readonly offset: number | undefined;

  /**
   * @param format the format that was being read
   * @param problem what was found and what was expected, in one sentence without a full stop
   * @param offset byte offset of the fault
   */
  constructor(format: string, problem: string, offset?: number, options?: ErrorOptions) {
    super(`${format}: ${problem}${offset === undefined ? '' : ` (at byte ${offset})`}`, options);
    this.format = format;
    this.offset = offset;
  }
}

/** Something valid that this version cannot do; the message names the operator, node or feature and what to do instead. */
export class UnsupportedError extends Error {
  override readonly name: string = 'UnsupportedError';
}
