/** Element-wise programs: an invocation computes one element, or four where they lie behind each other. */
import { type Binding, bufferOf, type Lowering, tableOf } from '../dispatch.ts';
import { functionsFor } from '../functions.ts';
import { INSTRUCTIONS } from '../instructions.ts';
import { programText, readProgram } from '../program.ts';
import { dotProduct, forEach, splitIndex } from '../wgsl.ts';

const scalar = (type: 'F' | 'I') => (type === 'F' ? 'f32' : 'i32');

export const elementwise: Lowering<'elementwise'> = (facts, program, y, ...operands) => {
  const { instructions = INSTRUCTIONS } = facts;
  const table = readProgram(tableOf(program));
  const { dims, strides } = table;
  const count = dims.reduce((all, dim) => all * dim, 1);
  if (count === 0) return [];
  const text = programText(instructions, table);
  // Either every row is of whole vectors, or there is one row, behind whose end the buffers go on to a whole vector.
  const isRow = dims.length === 1 && strides.every(([stride]) => stride! < 2);
  const lanes = isRow || dims.at(-1)! % 4 === 0 ? 4 : 1;
  const typeOf = (type: 'F' | 'I') => (lanes === 4 ? (`vec4<${scalar(type)}>` as const) : scalar(type));

  const coordinates = dims.map((_, axis) => `at${axis}`);
  let body = dims.length ? splitIndex(lanes === 4 ? '4u * i' : 'i', dims, coordinates) : '';
  const bindings: Binding[] = [];
  for (const [at, steps] of strides.entries()) {
    const type = text.operands[at]!;
    const step = steps.at(-1) ?? 0;
    const isWhole = lanes === 4 && step === 1 && steps.slice(0, -1).every((stride) => stride % 4 === 0);
    const element = (lane: number) => `a${at}[o${at} + ${lane * step}u]`;
    const elements = step === 0 || lanes === 1 ? element(0) : [0, 1, 2, 3].map(element);
    bindings.push({ name: `a${at}`, buffer: bufferOf(operands[at]!)!, type: isWhole ? typeOf(type) : scalar(type) });
    body += `let o${at} = ${dotProduct(coordinates, steps)};
let x${at} = ${isWhole ? `a${at}[o${at} / 4u]` : `${type}(${elements})`};\n`;
  }
  bindings.push({ name: 'y', buffer: bufferOf(y)!, type: typeOf(text.type), written: true });
  body += `${text.code}y[i] = ${text.result};`;
  return [forEach(facts, Math.ceil(count / lanes), bindings, body, functionsFor(body, lanes, instructions.functions))];
};
