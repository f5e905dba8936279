/**
 * Rewrites the multiply-adds of relaxed SIMD in a WebAssembly module (core specification 2.0, "Binary Format"), so that the
 * module that engines without relaxed SIMD get differs in as few bytes as can be, and in no length.
 */

/** f32x4.relaxed_madd. */
const RELAXED_MADD = [0xfd, 0x85, 0x02];
const NOP = 0x01;
const V128 = 0x7b;
/** Numbers of sections. */
const TYPES = 1;
const FUNCTIONS = 3;
const CODE = 10;

/** a · b + c from a, b, c as f32x4.mul and f32x4.add; c waits in a local variable meanwhile. */
export const apart = (local) => [0x21, local, 0xfd, 0xe6, 0x01, 0x20, local, 0xfd, 0xe4, 0x01];

/** The same as f32x4.relaxed_madd, rounded once where the processor can, in as many bytes. */
export const fused = (local) => apart(local).map((_, at) => RELAXED_MADD[at] ?? NOP);

/** The module with every multiply-add `apart`, and a variable more in the functions that have one. */
export function takeApart(module) {
  const input = reader(module);
  const output = [...input.take(8)];
  let parameters = [];
  let functions = [];
  while (!input.isDone()) {
    const [id] = input.take(1);
    const section = input.take(input.number());
    const source = reader(section);
    if (id === TYPES) parameters = source.list(() => parameterCount(source));
    if (id === FUNCTIONS) functions = source.list(source.number);
    if (id === CODE) {
      const bodies = source.list((index) => rewrite(source.take(source.number()), parameters[functions[index]]));
      output.push(id, ...sized([...unsigned(bodies.length), ...bodies.flat()]));
    } else {
      output.push(id, ...sized([...section]));
    }
  }
  return Uint8Array.from(output);
}

/** The number of parameters of the function type that comes next. */
function parameterCount(source) {
  source.take(1);
  const count = source.take(source.number()).length;
  source.take(source.number());
  return count;
}

function rewrite(body, parameters) {
  const source = reader(body);
  const variables = source.list(() => [source.number(), ...source.take(1)]);
  const local = variables.reduce((sum, [count]) => sum + count, parameters);
  const code = [];
  let isNeeded = false;
  while (!source.isDone()) {
    code.push(...source.take(1));
    if (!RELAXED_MADD.every((byte, at) => code.at(at - 3) === byte)) continue;
    code.splice(-3, 3, ...apart(local));
    isNeeded = true;
  }
  if (isNeeded) variables.push([1, V128]);
  const declarations = variables.flatMap(([count, type]) => [...unsigned(count), type]);
  return sized([...unsigned(variables.length), ...declarations, ...code]);
}

/** Reads `bytes` from front to back. */
function reader(bytes) {
  let at = 0;
  const take = (count) => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  const number = () => {
    const [byte] = take(1);
    return byte < 128 ? byte : byte - 128 + 128 * number();
  };
  const list = (item) => Array.from({ length: number() }, (_, index) => item(index));
  return { take, number, list, isDone: () => at === bytes.length };
}

/** `value` in LEB128. */
function unsigned(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function sized(bytes) {
  return [...unsigned(bytes.length), ...bytes];
}
