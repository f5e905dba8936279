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
    const compiled = new Map<string, Promise<GPUComputePipeline>>();
    pipelines = {
      get(dispatch) {
        const code = shaderText(dispatch);
        let pipeline = compiled.get(code);
        if (!pipeline) {
          const module = device.createShaderModule({ code });
          pipeline = device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
          compiled.set(code, pipeline);
        }
        return pipeline;
      },
    };
    byDevice.set(device, pipelines);
  }
  return pipelines;
}
