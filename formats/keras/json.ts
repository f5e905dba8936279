/**
 * Values of parsed JSON, looked at with care: a configuration in a file may hold anything anywhere.
 */
import { FormatError } from '../../src/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON object in `text`. Throws `FormatError`; `what` names the text in the message. */
export function parseObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('Keras', `${what} is not JSON`, undefined, { cause });
  }
  if (!isObject(value)) throw new FormatError('Keras', `${what} is not a JSON object`);
  return value;
}

/** An own property of an object; `undefined` for anything else. */
export function property(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** A property that must be text. Throws `FormatError`; `what` names the object in the message. */
export function textProperty(value: unknown, name: string, what: string): string {
  const text = property(value, name);
  if (typeof text === 'string') return text;
  throw new FormatError('Keras', `${what} has no ${name}`);
}
