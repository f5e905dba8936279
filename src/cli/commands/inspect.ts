/**
 * `fqz inspect`: what a file holds, tensor by tensor.
 */
import { Command } from 'commander';
import { type InspectedValue, type Inspection, inspectArchive, inspectModel } from '../../inspect.ts';
import type { Io } from '../io.ts';
import { loadFile } from '../load-model.ts';
import { drawSpectrum } from '../spectrum.ts';
import { byteSize, type Column, grouped, printable, shapeText, table } from '../text.ts';

interface InspectFlags {
  spectrum?: boolean;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  return new Command('inspect')
    .description('Shows the inputs, outputs, operators and weights of a .fqz, ONNX or Keras file.')
    .argument('<file>', '.fqz, ONNX or Keras model')
    .option(
      '--spectrum',
      "draw each tensor's energy from its lowest frequency to its highest, 60 dB from top to bottom",
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Support is the region of non-zero coefficients. Effective width is how many channels a tensor really needs: a net that is
smooth across channels is a narrow net drawn wide.

Examples:
  fqz inspect model.fqz
  fqz inspect model.onnx --spectrum
  fqz inspect model.fqz --json`,
    )
    .action(async (path: string, flags: InspectFlags) => {
      const file = await loadFile(path);
      const options = { spectrum: flags.spectrum ?? false };
      const inspection =
        file.format === 'fqz'
          ? inspectArchive(file.content, options)
          : { ...inspectModel(file.model, options), format: file.format };
      io.print(flags.json ? JSON.stringify(inspection) : describe(path, inspection, options.spectrum));
    });
}

const COLUMNS: readonly Column[] = [
  { title: 'tensor', align: 'left' },
  { title: 'shape', align: 'left' },
  { title: 'type', align: 'left' },
  { title: 'method', align: 'left' },
  { title: 'support', align: 'left' },
  { title: 'coefficients', align: 'right' },
  { title: 'bytes', align: 'right' },
  { title: 'bits/weight', align: 'right' },
  { title: 'width', align: 'right' },
];

function describe(path: string, inspection: Inspection, withSpectrum: boolean): string {
  const { inputs, outputs, operators, tensors, totals, preparation, labels, layers } = inspection;
  const value = ({ name, dtype, shape }: InspectedValue) => `${name} ${dtype} ${shape ? shapeText(shape) : ''}`;
  const counts = Object.entries(operators).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const facts: (readonly [string, string])[] = [
    ['file', `${path} (${inspection.format})`],
    ...inputs.map((input) => ['input', value(input)] as const),
    ...outputs.map((output) => ['output', value(output)] as const),
    ['nodes', `${grouped(inspection.nodes)}: ${counts.map(([op, count]) => `${op} ${count}`).join(', ')}`],
    ['parameters', grouped(inspection.parameters)],
  ];
  if (preparation) {
    const { scale, mean, std, channels } = preparation;
    facts.push(['preparation', `(pixel / ${scale} - ${mean.join(',')}) / ${std.join(',')}, ${channels}`]);
  }
  if (labels) facts.push(['labels', grouped(labels)]);
  if (layers) {
    const sizes = layers.map((layer) => `${byteSize(layer.bytes)}${layer.isPresent ? '' : ' (not there)'}`);
    facts.push(['layers', sizes.join(' + ')]);
  }
  const rows = tensors.map((tensor) => [
    tensor.name,
    shapeText(tensor.shape),
    tensor.dtype,
    tensor.method,
    tensor.support ? shapeText(tensor.support) : '',
    grouped(tensor.coefficients),
    grouped(Math.round(tensor.bytes)),
    tensor.bitsPerWeight.toPrecision(3),
    tensor.effectiveWidth === undefined ? '' : `${tensor.effectiveWidth}`,
    ...(withSpectrum ? [drawSpectrum(tensor.spectrum ?? [])] : []),
  ]);
  const columns: readonly Column[] = withSpectrum ? [...COLUMNS, { title: 'spectrum', align: 'left' }] : COLUMNS;
  const { bytes, graphBytes, weightBytes } = totals;
  const parts = `${byteSize(bytes)}: graph ${byteSize(graphBytes)}, weights ${byteSize(weightBytes)}`;
  const sizes = inspection.format === 'fqz' ? parts : `weights ${byteSize(weightBytes)}`;
  const heading = facts.map(([name, text]) => `${name.padEnd(12)}${printable(text)}`).join('\n');
  return `${heading}\n\n${rows.length > 0 ? `${table(columns, rows)}\n\n` : ''}${'total'.padEnd(12)}${sizes}`;
}
