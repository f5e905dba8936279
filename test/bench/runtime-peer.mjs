/**
 * One measurement of `runtime.mjs`, in a process of its own: `node runtime-peer.mjs PEER FILE RUNS WIDTH OUT INPUT`
 * prints JSON: seconds from the bytes in memory to the first output, seconds of the RUNS that follow, and the largest resident memory
 * of the process. PEER is `fqz`, or `onnxruntime` for onnxruntime-web with one thread. INPUT holds the float32 elements of the only input
 * behind an int32 rank and sizes; the first output goes to OUT in the same form. `-` stands for no file.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const [peer, file, runs, width, out, input] = process.argv.slice(2);
const given = new Uint8Array(readFileSync(input)).buffer;
const words = new Int32Array(given);
const shape = [...words.subarray(1, 1 + words[0])];
const data = new Float32Array(given, 4 * (1 + shape.length));

async function openFqz() {
  const { load, tensor } = await import('fqz/runtime');
  return async (bytes) => {
    const session = await load(bytes, { width: Number(width) });
    const [{ name }] = session.inputs;
    const [{ name: output }] = session.outputs;
    return async () => (await session.run({ [name]: tensor(data, shape) }))[output];
  };
}

async function openOnnxruntime() {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return async (bytes, source) => {
    // A model with external weights is opened by its path's bytes and those of weights.bin beside it.
    const external = source.endsWith('/model.onnx')
      ? [{ path: 'weights.bin', data: readFileSync(source.replace('model.onnx', 'weights.bin')) }]
      : [];
    const session = await ort.InferenceSession.create(bytes, { externalData: external });
    const tensor = new ort.Tensor('float32', data, shape);
    return async () => {
      const { data: elements, dims } = (await session.run({ [session.inputNames[0]]: tensor }))[session.outputNames[0]];
      return { data: elements, shape: dims };
    };
  };
}

const bytes = new Uint8Array(readFileSync(file));
const open = await (peer === 'fqz' ? openFqz() : openOnnxruntime());
const time = async (work) => {
  const start = performance.now();
  const result = await work();
  return [(performance.now() - start) / 1000, result];
};
const [first, { run, output }] = await time(async () => {
  const opened = await open(bytes, file);
  return { run: opened, output: await opened() };
});
const seconds = [];
for (let at = 0; at < Number(runs); at++) seconds.push((await time(run))[0]);
if (out !== '-') {
  const header = Int32Array.from([output.shape.length, ...output.shape]);
  writeFileSync(
    out,
    Buffer.concat([
      Buffer.from(header.buffer),
      Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength),
    ]),
  );
}
// Linux hands the largest resident memory of the parent down to `resourceUsage`, but not to /proc.
const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
const kilobytes = Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS);
console.log(JSON.stringify({ first, seconds, memory: kilobytes * 1024 }));
