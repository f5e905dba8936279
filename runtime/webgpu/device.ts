/**
 * The GPU that sessions run on: a device of the page's own, or one that all sessions share.
 */
import { UnsupportedError } from '../../src/errors.ts';
import type { DeviceFacts } from './dispatch.ts';

export interface Gpu {
  readonly device: GPUDevice;
  readonly facts: DeviceFacts;
  /** Vendor and architecture, as far as the browser tells. */
  readonly variant: string;
  /** Whether it is a program on the CPU. */
  readonly isSoftware: boolean;
  /** The error that explains the loss of the device, once it is lost. */
  lost?: Error;
}

let shared: Promise<Gpu> | undefined;

/**
 * The device that sessions share, which stays for those to come; or `given`, which remains the caller's.
 * Rejects with `UnsupportedError` where there is no WebGPU or no adapter, and with an `OperationError` where `given` is lost.
 */
export async function openGpu(given?: GPUDevice): Promise<Gpu> {
  if (given) {
    const gpu = gpuOf(given);
    // A device that was lost before says so at once, but not sooner.
    await undefined;
    if (gpu.lost) throw gpu.lost;
    return gpu;
  }
  shared ??= requestGpu();
  try {
    const gpu = await shared;
    if (!gpu.lost) return gpu;
  } catch (error) {
    shared = undefined;
    throw error;
  }
  shared = requestGpu();
  return shared;
}

async function requestGpu(): Promise<Gpu> {
  const api = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (!api) throw new UnsupportedError('WebGPU is not available here (it needs a recent browser and a secure page)');
  const adapter = await api.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new UnsupportedError('there is no WebGPU adapter');
  const { features, limits } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: features.has('subgroups') ? ['subgroups' as GPUFeatureName] : [],
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  return gpuOf(device);
}

const known = new WeakMap<GPUDevice, Gpu>();

function gpuOf(device: GPUDevice): Gpu {
  let gpu = known.get(device);
  if (!gpu) {
    gpu = describe(device);
    known.set(device, gpu);
  }
  return gpu;
}

function describe(device: GPUDevice): Gpu {
  const { features, limits, adapterInfo } = device;
  const { vendor, architecture, subgroupMinSize, subgroupMaxSize, isFallbackAdapter } = adapterInfo;
  const hasSubgroups = features.has('subgroups') && subgroupMinSize === subgroupMaxSize;
  const gpu: Gpu = {
    device,
    facts: {
      mostGroups: limits.maxComputeWorkgroupsPerDimension,
      sharedBytes: limits.maxComputeWorkgroupStorageSize,
      subgroupSize: hasSubgroups ? subgroupMinSize : 0,
    },
    variant: [vendor, architecture].filter((part) => part !== '').join(' '),
    isSoftware: isFallbackAdapter,
  };
  device.lost.then(({ reason, message }) => {
    gpu.lost = new DOMException(`the GPU device was lost (${reason}): ${message}`, 'OperationError');
  });
  return gpu;
}
