/**
 * Runs in Node before the browser tests: converts a model, and hands the page the file with Node's own numbers for it.
 */
import type { TestProject } from 'vitest/node';
import { readFqz } from '../../formats/fqz/read.ts';
import { writeFqz } from '../../formats/fqz/write.ts';
import { decodeFqz } from '../../runtime/full.ts';
import { createSession } from '../../runtime/ort/index.ts';
import { convert } from '../../src/convert.ts';
import { FROZEN, fixture } from '../support/frozen-files.ts';
import { noise, smallModel } from '../support/small-model.ts';

declare module 'vitest' {
  interface ProvidedContext {
    reference: {
      /** The `.fqz` file. */
      readonly bytes: number[];
      /** Rebuilt weights by name. */
      readonly weights: Record<string, number[]>;
      /** What onnxruntime-node gives for the noise image of this size, weights dense. */
      readonly imageSize: number;
      readonly logits: number[];
    };
    /** What the writer makes of the archives in the frozen files that have no layers, by names such as `v1/networks`. */
    rewritten: Record<string, number[]>;
  }
}

const IMAGE_SIZE = 32;

/** Vitest's global set-up of the browser project. */
export default async function setUp(project: TestProject): Promise<void> {
  const { bytes } = await convert(smallModel(), { precision: 'fp16' });
  const model = decodeFqz(bytes);
  const weights = Object.fromEntries([...model.weights.keys()].map((name) => [name, [...model.weight(name)]]));
  const session = await createSession(bytes, { engine: 'node', form: 'dense' });
  const { logits } = await session.run({ image: noise([1, 3, IMAGE_SIZE, IMAGE_SIZE]) });
  await session.release();
  project.provide('reference', {
    bytes: [...bytes],
    weights,
    imageSize: IMAGE_SIZE,
    logits: Array.from(logits!.data as Float32Array),
  });
  const archives = FROZEN.map((name) => [name, readFqz(fixture(`${name}.fqz`))] as const);
  const whole = archives.filter(([, { layerEnds }]) => layerEnds.length === 0);
  project.provide(
    'rewritten',
    Object.fromEntries(whole.map(([name, archive]) => [name, [...writeFqz(archive).bytes]])),
  );
}
