/**
 * The part of webgpu.mjs that runs in the page. What WebGPU is asked for is counted at its own prototypes, for both peers alike.
 */

const count = { dispatches: 0, bytes: 0 };

function instrument() {
  for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
    const original = GPUComputePassEncoder.prototype[name];
    GPUComputePassEncoder.prototype[name] = function (...args) {
      count.dispatches++;
      return original.apply(this, args);
    };
  }
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  const living = new WeakSet();
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    living.add(buffer);
    count.bytes += buffer.size;
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    if (living.delete(this)) count.bytes -= this.size;
    return destroy.call(this);
  };
}

/** Milliseconds that the peer's first output may take. */
const PATIENCE = 240_000;

/**
 * Times, dispatches and GPU memory of both, and how far their first outputs are apart. Where the peer has no first output in time, or none at
 * all, `refusal` tells; `own` has then been measured alone.
 */
export async function measure({ shape, rounds, external }) {
  instrument();
  const bytes = await fetched('/model.fqz');
  const data = Float32Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, at) => ((at * 7919) % 256) / 256,
  );

  const longTasks = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration));
  });
  const { load } = await import('/fqz-runtime-full.js');
  await new Promise((resolve) => setTimeout(resolve, 200));
  observer.observe({ type: 'longtask' });
  const started = performance.now();
  const session = await load(bytes, { backend: 'webgpu' });
  const [{ name }] = session.inputs;
  const feeds = { [name]: { data, shape } };
  const first = Object.values(await session.run(feeds))[0];
  const own = { loading: performance.now() - started, times: [], bytes: count.bytes, dispatches: 0 };
  await new Promise((resolve) => setTimeout(resolve, 200));
  observer.disconnect();

  const timed = async (into, work) => {
    const [start, dispatches] = [performance.now(), count.dispatches];
    await work();
    into.times.push(performance.now() - start);
    into.dispatches = count.dispatches - dispatches;
  };
  for (let round = 0; round < rounds; round++) await timed(own, () => session.run(feeds));
  let peer;
  let refusal;
  let late;
  const before = { ...count };
  const patience = new Promise((_, reject) => {
    setTimeout(() => {
      // What it has asked for so far, for the loading and one run.
      late ??= {
        seconds: PATIENCE / 1000,
        dispatches: count.dispatches - before.dispatches,
        bytes: count.bytes - before.bytes,
      };
      reject(new Error(`no output in ${PATIENCE / 1000} s`));
    }, PATIENCE);
  });
  try {
    peer = await Promise.race([openPeer(data, shape, external), patience]);
    own.times = [];
    for (let round = 0; round < rounds; round++) {
      await timed(own, () => session.run(feeds));
      await timed(peer, peer.run);
    }
  } catch (error) {
    refusal = error.message;
  }
  return {
    own,
    longTasks,
    adapter: session.info.variant,
    ...(refusal && { refusal }),
    ...(!peer && late && { late }),
    ...(peer && {
      peer: { ...peer, run: undefined, first: undefined },
      difference: difference(first.data, peer.first),
    }),
  };
}

async function openPeer(data, shape, external) {
  const ort = await import('/ort/ort.webgpu.min.mjs');
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const before = count.bytes;
  const options = {
    executionProviders: ['webgpu'],
    ...(external && { externalData: [{ path: 'weights.bin', data: await fetched('/weights.bin') }] }),
  };
  const model = await fetched('/model.onnx');
  const started = performance.now();
  const session = await ort.InferenceSession.create(model, options);
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', data, shape) };
  const run = () => session.run(feeds);
  const first = Object.values(await run())[0].data;
  return { loading: performance.now() - started, times: [], bytes: count.bytes - before, dispatches: 0, first, run };
}

async function fetched(path) {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

/** max |a − b| / max |b|. */
function difference(actual, expected) {
  let [most, largest] = [0, 0];
  for (let at = 0; at < expected.length; at++) {
    most = Math.max(most, Math.abs(actual[at] - expected[at]));
    largest = Math.max(largest, Math.abs(expected[at]));
  }
  return most / largest;
}
