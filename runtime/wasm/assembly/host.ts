/** What kernels ask of their host, in JavaScript: see ../host.ts. */

/**
 * Runs an instruction whose own code would be large here, over `count` words. The steps are 4, or 0 for an operand that
 * repeats one word, in bytes.
 */
export declare function rare(opcode: i32, y: usize, a: usize, aStep: i32, b: usize, bStep: i32, count: i32): void;
