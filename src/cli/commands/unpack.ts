/**
 * `fqz unpack`: a `.fqz` back to an ONNX model.
 */
import { Command, Option } from 'commander';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { type Form, UNPACK_DEFAULTS, unpack } from '../../unpack.ts';
import type { Io } from '../io.ts';
import { loadFqz } from '../load-model.ts';
import { prepareOutput } from '../output-file.ts';
import { byteSize } from '../text.ts';

interface UnpackFlags {
  output: string;
  form: Form;
  json?: boolean;
}

/** The command, writing to `io`. */
export function command(io: Io): Command {
  return new Command('unpack')
    .description('Writes the model in a .fqz file as ONNX, for any engine that runs ONNX.')
    .argument('<file>', '.fqz file')
    .requiredOption('-o, --output <model>', 'the ONNX model to write')
    .addOption(
      new Option('--form <form>', 'weights as dense tensors, as chains of factors, or whichever costs less to run')
        .choices(['dense', 'factored', 'auto'])
        .default(UNPACK_DEFAULTS.form),
    )
    .option('--json', 'print one JSON object about the result')
    .addHelpText(
      'after',
      `
Examples:
  fqz unpack model.fqz -o model.onnx
  fqz unpack model.fqz -o fast.onnx --form factored`,
    )
    .action(async (path: string, { output: outputPath, form, json }: UnpackFlags) => {
      const output = prepareOutput(outputPath, [path]);
      const { bytes: content, archive } = await loadFqz(path);
      const bytes = writeOnnx(unpack(archive, { form }));
      output.write(bytes);
      if (json) {
        const sizes = { input: { path, bytes: content.length }, output: { path: output.path, bytes: bytes.length } };
        io.print(JSON.stringify({ ...sizes, form }));
      } else io.print(`${output.path}: ${byteSize(bytes.length)}, ${form}`);
    });
}
