/**
 * Every kernel that steps may name: those that WebAssembly has too, and the rare ones that are TypeScript on every backend.
 */
import type { Kernels } from './kernels.ts';
import type { FurtherKernels, RareKernels } from './rare-kernels.ts';

export interface AllKernels extends Kernels, RareKernels, FurtherKernels {}
