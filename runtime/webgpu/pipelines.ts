/**
 * Compute pipelines by the text of their shader: compiled beside this thread, and shared by all sessions of a device.
 */
import { type Dispatch, shaderText } from './dispatch.ts';

/** The pipelines of a device. */
export interface Pipelines {
  /** Resolves to the pipeline of a shader; equal texts are compiled once. Rejects where the text does not compile. */
  get(dispatch: Dispatch): Promise<GPUComputePipeline>;
}

const byDevice = new WeakMap<GPUDevice, Pipelines>();

/** The pipelines of `device`. */
export function pipelinesOf(device: GPUDevice): Pipelines {
  let pipelines = byDevice.get(device);
  if (!pipelines) {
    pipelines = createPipelines(device);
    byDevice.set(device, pipelines);
  }
  return pipelines;
}

function createPipelines(device: GPUDevice): Pipelines {
  const compiled = new Map<string, Promise<GPUComputePipeline>>();
  // Shaders with as many buffers to read and to write have one layout, which also holds those that the text never names.
  const layouts = new Map<string, GPUPipelineLayout>();
  const layoutOf = ({ bindings }: Dispatch): GPUPipelineLayout => {
    const types = bindings.map(({ written }): GPUBufferBindingType => (written ? 'storage' : 'read-only-storage'));
    const key = String(types);
    let layout = layouts.get(key);
    if (!layout) {
      const entries = types.map((type, binding) => ({ binding, visibility: 4, buffer: { type } }));
      layout = device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] });
      layouts.set(key, layout);
    }
    return layout;
  };
  return {
    get(dispatch) {
      const code = shaderText(dispatch);
      let pipeline = compiled.get(code);
      if (!pipeline) {
        pipeline = compile(device, code, layoutOf(dispatch));
        compiled.set(code, pipeline);
      }
      return pipeline;
    },
  };
}

async function compile(device: GPUDevice, code: string, layout: GPUPipelineLayout): Promise<GPUComputePipeline> {
  const module = device.createShaderModule({ code });
  try {
    return await device.createComputePipelineAsync({ layout, compute: { module } });
  } catch (error) {
    const { messages } = await module.getCompilationInfo();
    // Bundled shaders are one line.
    const places = messages.map(({ offset, message }) => `${message} (${code.slice(offset, offset + 80)})`);
    throw new Error(`the GPU does not take a shader: ${places.join('; ') || (error as Error).message}`);
  }
}
