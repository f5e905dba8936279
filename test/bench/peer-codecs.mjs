/**
 * What everybody does first to make a net small: each channel's weights rounded to 8 or 4 bits between the largest and its
 * negative (ONNX Runtime's and PyTorch's symmetric per-channel quantisation), and a general compressor behind it.
 */
import { execFileSync } from 'node:child_process';
import { weightRoles } from '../../dist/src/codec/weight-roles.js';
import { fromFloats, isFloat, toFloat32 } from '../../dist/src/graph/numbers.js';

/** Whether the compressor is here. */
export function hasXz() {
  try {
    execFileSync('xz', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * The weights of `model` rounded to `bits` bits per channel of outputs: what they become, and the bytes that xz makes of the integers
 * (of 4 bits, two to a byte), the scales as float32 and all other initialisers as they are. The graph is not counted.
 */
export function roundedWithXz(model, bits) {
  const roles = weightRoles(model);
  const most = 2 ** (bits - 1) - 1;
  const initializers = new Map();
  const [integers, scales, others] = [[], [], []];
  for (const [name, tensor] of model.graph.initializers) {
    const role = roles.get(name);
    if (role?.kind !== 'weight' || !isFloat(tensor.dtype) || tensor.shape.length < 2) {
      initializers.set(name, tensor);
      others.push(tensor.dtype === 'string' ? Buffer.concat(tensor.strings) : tensor.data);
      continue;
    }
    const rounded = roundChannels(toFloat32(tensor), role.folded ?? tensor.shape, role.outputAxis ?? 0, most);
    initializers.set(name, fromFloats(tensor.dtype, tensor.shape, rounded.values));
    integers.push(bits === 4 ? inPairs(rounded.levels) : rounded.levels);
    scales.push(rounded.scales);
  }
  const payload = Buffer.concat([...integers, ...scales, ...others].map(bytesOf));
  const packed = execFileSync('xz', ['-9e', '--stdout'], { input: payload, maxBuffer: 2 * payload.length + 4096 });
  return { model: { ...model, graph: { ...model.graph, initializers } }, bytes: packed.length };
}

const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

function roundChannels(elements, shape, axis, most) {
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const channelOf = (at) => Math.floor(at / stride) % shape[axis];
  const scales = new Float32Array(shape[axis]);
  elements.forEach((value, at) => {
    scales[channelOf(at)] = Math.max(scales[channelOf(at)], Math.abs(value) / most);
  });
  const levels = Int8Array.from(elements, (value, at) => Math.round(value / (scales[channelOf(at)] || 1)));
  return { levels, scales, values: Float32Array.from(levels, (level, at) => level * scales[channelOf(at)]) };
}

function inPairs(levels) {
  const level = (at) => (levels[at] ?? 0) & 15;
  return Uint8Array.from({ length: Math.ceil(levels.length / 2) }, (_, at) => level(2 * at) | (level(2 * at + 1) << 4));
}
