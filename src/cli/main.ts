#!/usr/bin/env node
/**
 * The `fqz` command: connects `run` to this process.
 */
import type { Io } from './io.ts';
import { errorLine, run } from './run.ts';

/** What shells report for a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

// Output files appear by a rename after a synchronous write, so leaving at any turn of the event loop leaves no part of one.
process.once('SIGINT', () => process.exit(INTERRUPTED));

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.on('uncaughtException', (error) => {
  process.stderr.write(`${errorLine(error, process.env.FQZ_DEBUG)}\n`);
  process.exit(1);
});

const io: Io = {
  print: (text) => process.stdout.write(`${text}\n`),
  printError: (text) => process.stderr.write(`${text}\n`),
  terminal: process.stderr.isTTY ? process.stderr : undefined,
  debug: process.env.FQZ_DEBUG,
};

process.exitCode = await run(process.argv.slice(2), io);
