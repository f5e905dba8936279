/**
 * Real models and data that are too large, or not ours, to keep in the repository. Tests that need them say so and are
 * skipped where they are absent.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of something in the folder of shared data beside the repository. */
export function sharedPath(relative: string): string {
  return fileURLToPath(new URL(`../../../shared/${relative}`, import.meta.url));
}

/** Whether the shared data are there. */
export function hasShared(relative: string): boolean {
  return existsSync(sharedPath(relative));
}
