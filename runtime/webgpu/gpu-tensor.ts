/**
 * Tensors that a page makes of its own buffers on the GPU.
 */
import { elementCount } from '../../src/graph/tensor.ts';
import type { GpuTensor, Tensor as MemoryTensor } from '../tensor.ts';

export type Tensor = MemoryTensor;

export const Tensor = {
  /**
   * A tensor in `buffer`, which is not copied and stays the caller's. To be an input the buffer needs the usage `COPY_SRC`. Throws
   * `RangeError` where it is too small.
   */
  fromGPUBuffer(buffer: GPUBuffer, shape: readonly number[], dtype: GpuTensor['dtype'] = 'float32'): GpuTensor {
    if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
      throw new RangeError(`the tensor cannot have shape [${shape}]`);
    }
    if (buffer.size < 4 * elementCount(shape)) {
      throw new RangeError(`a buffer of ${buffer.size} bytes is too small for shape [${shape}]`);
    }
    return { location: 'gpu', dtype, shape: [...shape], buffer };
  },
};
