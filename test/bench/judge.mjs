/**
 * How far a stored model's outputs are from the original's on pictures, and how often both tell the same class.
 */
import { openOnnx, writeOnnx } from 'fqz';
import { elementsOf } from '../../dist/src/data/tensor-numbers.js';
import { datasetBatches } from '../../dist/src/dataset-batches.js';
import { workableBatch } from '../../dist/src/workable-batch.js';

/**
 * Runs `original` on the pictures of `test`, and returns what runs another model on them: it gives the `snr` of the outputs in dB (the
 * relative squared errors of several outputs averaged), and of classifiers the fraction of pictures with the same class as the
 * original's (`agreement`) and with the right class (`correct`, where the pictures' labels are the model's classes).
 */
export async function judgeOf(original, test, { preparation, size, classes, labelled }) {
  const options = { preparation, ...(size && { size }) };
  const reference = [];
  const right = { original: 0, samples: 0 };
  await eachRun(original, test, options, (outputs, { samples, count, rows }) => {
    const run = { outputs, classes: [], labels: [] };
    if (classes) run.classes = classesOf(outputs[0], rows).slice(0, count);
    if (labelled) run.labels = samples.map(({ label }) => label);
    right.original += run.labels.filter((label, at) => label === run.classes[at]).length;
    right.samples += count;
    reference.push(run);
  });
  const judge = async (model) => {
    const [noise, signal] = [reference[0].outputs.map(() => 0), reference[0].outputs.map(() => 0)];
    let [at, same, correct] = [0, 0, 0];
    await eachRun(model, test, options, (outputs, { count, rows }) => {
      const expected = reference[at++];
      for (const [output, values] of outputs.entries()) {
        for (let i = 0; i < values.length; i++) {
          noise[output] += (values[i] - expected.outputs[output][i]) ** 2;
          signal[output] += expected.outputs[output][i] ** 2;
        }
      }
      if (!classes) return;
      const told = classesOf(outputs[0], rows).slice(0, count);
      same += told.filter((own, row) => own === expected.classes[row]).length;
      correct += told.filter((own, row) => own === expected.labels[row]).length;
    });
    const relative = noise.reduce((sum, value, output) => sum + value / signal[output], 0) / noise.length;
    return {
      snr: -10 * Math.log10(relative),
      ...(classes && { agreement: same / right.samples }),
      ...(labelled && { correct: correct / right.samples }),
    };
  };
  return { judge, ...(labelled && { correct: right.original / right.samples }) };
}

/** Calls `use` with the numbers of all outputs of every batch; rows that fill a batch up are among them. */
async function eachRun(model, dataset, options, use) {
  const session = await openOnnx(writeOnnx(model));
  try {
    const batches = datasetBatches(session, dataset);
    for await (const batch of batches(await workableBatch([session], batches, options))) {
      const results = await session.run(batch.feeds);
      use(
        session.outputs.map(({ name }) => Float32Array.from(elementsOf(results.get(name)))),
        batch,
      );
    }
  } finally {
    await session.release();
  }
}

function classesOf(values, rows) {
  const count = values.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const own = values.subarray(row * count, (row + 1) * count);
    return own.indexOf(own.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
  });
}
