/** What the WebAssembly kernels ask of JavaScript: instructions too rare to have code of their own there. */
import { RARE_INSTRUCTIONS } from '../js/rare-instructions.ts';

/** The module `host` that the kernels import, over the memory that they work in. */
export function hostImports(memory: WebAssembly.Memory): { rare: (...args: number[]) => void } {
  let floats = new Float32Array(memory.buffer);
  let words = new Int32Array(memory.buffer);
  return {
    rare(opcode, y, a, aStep, b, bStep, count) {
      if (floats.buffer !== memory.buffer) {
        floats = new Float32Array(memory.buffer);
        words = new Int32Array(memory.buffer);
      }
      const { fromFloats, toFloats, of } = RARE_INSTRUCTIONS[opcode!]!;
      const source = fromFloats ? floats : words;
      const target = toFloats ? floats : words;
      for (let i = 0; i < count!; i++) {
        // Steps are in bytes, 4 words a vector.
        target[y! / 4 + i] = of(source[(a! + i * aStep!) / 4]!, source[(b! + i * bStep!) / 4]!);
      }
    },
  };
}
