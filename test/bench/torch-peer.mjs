/**
 * PyTorch as a peer, in a process of its own that waits for its turn. Any Python will do that has it: `python3`, or Debian's own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('lenet.py', import.meta.url));
const PYTHONS = ['python3', '/usr/bin/python3'];

/**
 * Opens LeNet-5 at this batch size; undefined where there is no PyTorch. `run` takes 'forward' or 'step' and returns the seconds
 * that it took, by the clock and of CPU time.
 */
export async function openTorch(batch, threads) {
  const python = PYTHONS.find((command) => spawnSync(command, ['-c', 'import torch']).status === 0);
  if (!python) return undefined;
  const peer = spawn(python, [SCRIPT, String(batch), String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  const { value: version } = await lines.next();
  return {
    version,
    async run(what) {
      peer.stdin.write(`${what}\n`);
      const { value } = await lines.next();
      const [wall, cpu] = value.split(' ').map(Number);
      return { wall, cpu };
    },
    close: () => peer.stdin.end(),
  };
}
