/**
 * What converting the paper's UNet costs: seconds of the whole command, and its peak memory against the model's bytes.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from '../../scripts/markdown-table.mjs';
import { duration, median } from './measure.mjs';
import { withUnet } from './unet-folder.mjs';

const CLI = new URL('../../dist/src/cli/main.js', import.meta.url).href;

/** Runs the command in this process's stead, and says at its end how much memory it had at most. */
const WITH_PEAK = `
  process.on('exit', () => require('node:fs').writeSync(1, String(process.resourceUsage().maxRSS)));
  import(${JSON.stringify(CLI)});
`;

const LIMITS = { seconds: 20, timesModel: 4 };

/** Prints the figures; false where one is past its limit. */
export function run(runs) {
  console.log('## Converting the UNet of 124 MB\n');
  return withUnet((folder, work) => {
    const modelBytes = ['model.onnx', 'weights.bin'].reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    const output = join(work, 'unet.fqz');
    const rows = [];
    let good = true;
    for (const options of [[], ['--precision', 'fp16'], ['--precision', 'lossless']]) {
      const seconds = [];
      const peaks = [];
      for (let run = 0; run < runs; run++) {
        const started = performance.now();
        const args = [
          '-e',
          WITH_PEAK,
          '--',
          'fqz',
          'convert',
          join(folder, 'model.onnx'),
          '-o',
          output,
          '--json',
          ...options,
        ];
        const printed = execFileSync(process.execPath, args, {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        seconds.push((performance.now() - started) / 1000);
        peaks.push((1024 * Number(printed.trimEnd().split('\n').at(-1))) / modelBytes);
      }
      const [time, peak] = [median(seconds), median(peaks)];
      if (options.length === 0) good &&= time <= LIMITS.seconds && peak <= LIMITS.timesModel;
      rows.push([options.at(-1) ?? 'default', String(statSync(output).size), duration(time), `${peak.toFixed(2)} ×`]);
    }
    console.log(markdownTable(['fidelity', 'bytes', 'time', "peak memory / model's bytes"], rows));
    return good;
  });
}
