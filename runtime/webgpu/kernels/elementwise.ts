/** Element-wise programs: an invocation computes one element, or four where they lie behind each other. */
import { type Binding, bufferOf, type Lowering, tableOf } from '../dispatch.ts';
import { functionsFor } from '../functions.ts';
import { indexText, programText, readProgram } from '../program.ts';
import { forEach } from '../wgsl.ts';

export const elementwise: Lowering<'elementwise'> = (facts, program, y, ...operands) => {
  const table = readProgram(tableOf(program));
  const { dims, strides } = table;
  const count = dims.reduce((all, dim) => all * dim, 1);
  if (count === 0) return [];
  const text = programText(table);
  const inner = dims.at(-1) ?? 1;
  // Rows of four, or one row, behind whose end the buffers go on to a multiple of four.
  const lanes = inner % 4 === 0 || (dims.length === 1 && strides.every(([stride]) => stride! < 2)) ? 4 : 1;
  const type = (kind: 'F' | 'I') => (kind === 'F' ? 'f32' : 'i32');
  const vector = (kind: 'F' | 'I') => (lanes === 4 ? (`vec4<${type(kind)}>` as const) : type(kind));

  const coordinates = dims.map((_, axis) => `i${axis}`);
  let body = '';
  if (dims.length > 1) {
    body += lanes === 4 ? 'var rest = 4u * i;\n' : 'var rest = i;\n';
    for (let axis = dims.length - 1; axis > 0; axis--) {
      body += `let i${axis} = rest % ${dims[axis]}u;\nrest /= ${dims[axis]}u;\n`;
    }
    body += 'let i0 = rest;\n';
  } else if (dims.length) body += lanes === 4 ? 'let i0 = 4u * i;\n' : 'let i0 = i;\n';
  const bindings: Binding[] = [];
  for (const [at, steps] of strides.entries()) {
    const kind = text.operands[at]!;
    const step = steps.at(-1) ?? 0;
    const isWhole =
      lanes === 4 && step === 1 && steps.every((stride, axis) => axis === steps.length - 1 || stride % 4 === 0);
    bindings.push({ name: `a${at}`, buffer: bufferOf(operands[at]!)!, type: isWhole ? vector(kind) : type(kind) });
    body += `let o${at} = ${indexText(coordinates, steps)};\n`;
    const element = (lane: number) => `a${at}[o${at} + ${lane * step}u]`;
    if (isWhole) body += `let x${at} = a${at}[o${at} / 4u];\n`;
    else if (step === 0 || lanes === 1) body += `let x${at} = ${kind}(${element(0)});\n`;
    else body += `let x${at} = ${kind}(${[0, 1, 2, 3].map(element)});\n`;
  }
  bindings.push({ name: 'y', buffer: bufferOf(y)!, type: vector(text.type), written: true });
  body += `${text.code}y[i] = ${text.result};`;
  return [forEach(facts, Math.ceil(count / lanes), bindings, body, functionsFor(body, lanes))];
};
