/**
 * Files that are not ONNX models, not whole, or made to do harm: each is refused in one sentence.
 */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { FormatError, UnsupportedError } from '../../../src/errors.ts';
import { onnx } from '../../support/onnx-proto.ts';
import { random } from '../../support/random.ts';
import { richModel } from './rich-model.ts';

type ModelFields = Parameters<typeof onnx.ModelProto.encode>[0];
type AttributeFields = Parameters<typeof onnx.AttributeProto.encode>[0];

const encode = (fields: ModelFields) => onnx.ModelProto.encode(fields).finish();
const opsetImport = [{ version: 13 }];

/** What reading throws, checked to be one of the two documented errors in one line. */
function failure(bytes: Uint8Array): Error | undefined {
  try {
    readOnnx(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    expect(error.message).toMatch(/^ONNX: [^\n]{1,300}$/);
    return error;
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('a file that is no ONNX model', () => {
  it.each([
    ['an empty file', new Uint8Array(0), 'the file is empty'],
    ['a text', utf8('import torch\n'.repeat(200)), 'a text file'],
    ['text in another script', utf8('Ein Netz für Größen — 网络'.repeat(50)), 'a text file'],
    ['HDF5', Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]), 'HDF5'],
    ['a zip archive', Buffer.concat([utf8('PK\x03\x04'), deflateRawSync('x')]), 'a zip archive'],
    ['gzip', gzipSync('model'), 'gzip'],
    ['a Git LFS pointer', utf8('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), 'Git LFS pointer'],
  ])('is recognised: %s', (_, bytes, message) => {
    expect(failure(bytes)).toBeInstanceOf(FormatError);
    expect(failure(bytes)?.message).toContain(message);
  });
});

describe('a broken model', () => {
  it.each<[string, ModelFields, string]>([
    ['no graph', { irVersion: 8, opsetImport }, 'no graph'],
    ['no operator set', { irVersion: 8, graph: {} }, 'names no operator set'],
    ['a node without an operator', { irVersion: 8, opsetImport, graph: { node: [{ name: 'a\nb' }] } }, 'node "a\\nb"'],
    ['a very long name', { irVersion: 8, opsetImport, graph: { node: [{ name: 'x'.repeat(9999) }] } }, 'xxx…"'],
  ])('is refused: %s', (_, fields, message) => {
    expect(failure(encode(fields))).toBeInstanceOf(FormatError);
    expect(failure(encode(fields))?.message).toContain(message);
  });

  it.each([1, 6, 24, 100])('is unsupported: operator set %i', (version) => {
    const error = failure(encode({ irVersion: 8, opsetImport: [{ domain: 'ai.onnx', version }], graph: {} }));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error?.message).toContain(`operator set ${version}; versions 7 to 23`);
  });

  it('is unsupported: IR version 2, which means operator set 1', () => {
    expect(failure(encode({ irVersion: 2, graph: {} }))).toBeInstanceOf(UnsupportedError);
  });

  it.each<[string, AttributeFields, string]>([
    ['neither type nor value', { name: 'a' }, 'neither a type nor one value'],
    ['no type and two values', { name: 'a', i: 1, f: 1 }, 'neither a type nor one value'],
    ['an unknown type', { name: 'a', type: 99 as never }, 'unknown type 99'],
    ['no tensor', { name: 'a', type: onnx.AttributeProto.AttributeType.TENSOR }, 'is said to be a tensor'],
    ['no graph', { name: 'a', type: onnx.AttributeProto.AttributeType.GRAPH }, 'is said to be a graph'],
  ])('is refused: an attribute with %s', (_, attribute, message) => {
    const bytes = encode({ irVersion: 8, opsetImport, graph: { node: [{ opType: 'If', attribute: [attribute] }] } });
    expect(failure(bytes)).toBeInstanceOf(FormatError);
    expect(failure(bytes)?.message).toContain(message);
  });

  it('is refused at any depth of nesting, however deep', () => {
    const nested = (levels: number): Uint8Array => {
      let graph: Parameters<typeof onnx.GraphProto.encode>[0] = {};
      for (let level = 0; level < levels; level++) {
        graph = {
          node: [{ opType: 'If', attribute: [{ name: 'b', type: onnx.AttributeProto.AttributeType.GRAPH, g: graph }] }],
        };
      }
      return encode({ irVersion: 8, opsetImport, graph });
    };
    expect(failure(nested(30))).toBeUndefined();
    expect(failure(nested(40))?.message).toContain('nested more than 100 deep');
    expect(failure(nested(1000))?.message).toContain('nested more than 100 deep');
  });

  it('is refused when cut, unless the cut leaves a whole model', () => {
    const whole = writeOnnx(richModel());
    expect(failure(whole)).toBeUndefined();
    let refused = 0;
    for (let length = 0; length < whole.length; length++) {
      if (failure(whole.subarray(0, length))) refused++;
    }
    // Only cuts between the last fields of the model can go unnoticed.
    expect(whole.length - refused).toBeLessThan(10);
  });

  it('is refused or read, and nothing else, whatever byte is changed', () => {
    const whole = writeOnnx(richModel());
    const uniform = random(1);
    let refused = 0;
    for (let trial = 0; trial < 10_000; trial++) {
      const bytes = whole.slice();
      for (let change = 0; change <= trial % 3; change++) {
        bytes[Math.floor(uniform() * bytes.length)] = Math.floor(uniform() * 256);
      }
      if (failure(bytes)) refused++;
      else writeOnnx(readOnnx(bytes));
    }
    expect(refused).toBeGreaterThan(2_500);
  });

  it.each([
    ['a length of 2^64 − 1', [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a number of eleven bytes', [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['field number 0', [0x00, 0x00]],
    ['a group', [0x3b, 0x3c]],
    ['the wrong wire type', [0x3d, 0, 0, 0, 0]],
  ])('is refused: %s', (_, bytes) => {
    expect(failure(Uint8Array.from(bytes))).toBeInstanceOf(FormatError);
  });
});
