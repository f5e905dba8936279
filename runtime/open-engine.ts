/**
 * How a build of the runtime comes to the engine of a session.
 */
import type { OpenedFqz } from '../formats/fqz/read.ts';
import type { Backend } from './backend.ts';
import type { Engine, EngineOptions } from './engine.ts';
import type { FixedShapes } from './fixed-shapes.ts';
import type { Edition, Settings } from './load.ts';
import type { Machine } from './machine.ts';

/**
 * Opens the engine of a session, prepared for what shapes are fixed; `machine` is what it runs on, or what plans for the GPU. Rejects
 * as `createPlanner` does, and with what keeps the model from the backend that is asked for.
 */
export type OpenEngine = (
  opened: OpenedFqz,
  machine: Machine,
  fixed: FixedShapes | undefined,
  settings: EngineSettings,
) => Promise<Engine>;

export interface EngineSettings extends EngineOptions {
  readonly backend: Backend;
  /** The page's own GPU device. */
  readonly device?: GPUDevice | undefined;
  /** Bytes that the model may take on the GPU. */
  readonly maxMemory: number;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a function that prepares for what the beginning of a file tells, and returns whether that was enough of it. */
export type Foresee = (edition: Edition, settings: Settings) => (beginning: Uint8Array) => boolean;
