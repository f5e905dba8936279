/**
 * The writer, and what must survive a trip through the IR although the IR has no place for it.
 */
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { readOnnx } from '../../../formats/onnx/read.ts';
import { writeOnnx } from '../../../formats/onnx/write.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import { emptyGraph, type Model, modelOf, node, type Value } from '../../../src/graph/graph.ts';
import {
  float32Tensor,
  int64Tensor,
  type NumericTensor,
  numericTensor,
  type Tensor,
} from '../../../src/graph/tensor.ts';
import { openOnnx } from '../../../src/onnxruntime.ts';
import { decodedIndependently, onnx } from '../../support/onnx-proto.ts';
import { richModel } from './rich-model.ts';

describe('the writer', () => {
  it('writes all that the IR holds', () => {
    expect(readOnnx(writeOnnx(richModel()))).toEqual(richModel());
  });

  it('gives the same bytes again', () => {
    const bytes = writeOnnx(richModel());
    expect(writeOnnx(readOnnx(bytes))).toEqual(bytes);
  });

  it('refuses an integer that is none', () => {
    const graph = emptyGraph();
    graph.nodes.push(node('Op', [], [], { axis: { type: 'int', value: 0.5 } }));
    expect(() => writeOnnx(modelOf(graph, 13))).toThrow(RangeError);
  });

  it('refuses more than 2 GB before it takes the memory', () => {
    const half = numericTensor('uint8', [2 ** 30], new Uint8Array(2 ** 30));
    const graph = emptyGraph();
    graph.initializers.set('a', half).set('b', half);
    expect(() => writeOnnx(modelOf(graph, 13))).toThrow(UnsupportedError);
    expect(() => writeOnnx(modelOf(graph, 13))).toThrow('at most 2147483647');
  });
});

describe('the reader', () => {
  it('infers the type of an attribute that has none, as in early ONNX', () => {
    const attribute = [
      { name: 'alpha', f: 0.5 },
      { name: 'axis', i: 2 },
      { name: 'mode', s: new TextEncoder().encode('linear') },
      { name: 'pads', ints: [1, 2] },
    ];
    const { graph } = readOnnx(
      onnx.ModelProto.encode({
        irVersion: 3,
        opsetImport: [{ version: 7 }],
        graph: { node: [{ opType: 'Old', attribute }] },
      }).finish(),
    );
    expect(Object.fromEntries(graph.nodes[0]!.attributes)).toEqual({
      alpha: { type: 'float', value: 0.5 },
      axis: { type: 'int', value: 2 },
      mode: { type: 'string', value: 'linear' },
      pads: { type: 'ints', value: [1, 2] },
    });
  });

  it('gives the default domain one name', () => {
    const model = readOnnx(
      onnx.ModelProto.encode({
        irVersion: 8,
        opsetImport: [{ domain: 'ai.onnx', version: 13 }],
        graph: { node: [{ opType: 'Relu', domain: 'ai.onnx' }] },
      }).finish(),
    );
    expect(model.opsets).toEqual(new Map([['', 13]]));
    expect(model.graph.nodes[0]!.domain).toBe('');
  });
});

/** The fields of ONNX 1.18 that onnx-proto does not know, from onnx.proto, and one that no version has yet. */
const NEWER_ONNX = protobuf
  .parse(`
  syntax = "proto2";
  message Entry { optional string key = 1; optional string value = 2; }
  message Device { optional string configuration_id = 1; optional int32 pipeline_stage = 3; }
  message Tensor { repeated int64 dims = 1 [packed=true]; optional int32 data_type = 2; repeated float float_data = 4 [packed=true];
    optional string name = 8; optional string doc_string = 12; repeated Entry metadata_props = 16; }
  message Attribute { optional string name = 1; optional float f = 2; optional int64 i = 3; optional Tensor t = 5;
    optional string doc_string = 13; optional int32 type = 20; optional fixed64 future = 99; }
  message Node { repeated string output = 2; optional string op_type = 4; repeated Attribute attribute = 5; optional string overload = 8;
    repeated Entry metadata_props = 9; repeated Device device_configurations = 10; }
  message Dimension { optional int64 dim_value = 1; optional string denotation = 3; }
  message Shape { repeated Dimension dim = 1; }
  message TensorType { optional int32 elem_type = 1; optional Shape shape = 2; optional int32 future = 50; }
  message Type { optional TensorType tensor_type = 1; optional string denotation = 6; }
  message Value { optional string name = 1; optional Type type = 2; repeated Entry metadata_props = 4; }
  message Annotation { optional string tensor_name = 1; }
  message Graph { repeated Node node = 1; repeated Tensor initializer = 5; optional bytes doc_string = 10; repeated Value input = 11;
    repeated Annotation quantization_annotation = 14; repeated Entry metadata_props = 16; }
  message Function { optional string name = 1; repeated Node node = 7; optional string domain = 10; repeated Attribute attribute_proto = 11;
    repeated Value value_info = 12; optional string overload = 13; repeated Entry metadata_props = 14; }
  message Opset { optional string domain = 1; optional int64 version = 2; }
  message Training { optional Graph initialization = 1; }
  message Configuration { optional string name = 1; optional int32 num_devices = 2; }
  message Model { optional int64 ir_version = 1; optional Graph graph = 7; repeated Opset opset_import = 8; repeated Training training_info = 20;
    repeated Function functions = 25; repeated Configuration configuration = 26; optional float future = 2000; }
`)
  .root.lookupType('Model');

describe('what the IR does not model', () => {
  it('survives', () => {
    const entries = [{ key: 'k', value: 'v' }];
    const tensor = { dims: [1], dataType: 1, floatData: [2], docString: 'a tensor', metadataProps: entries };
    const newNode = {
      output: ['y'],
      opType: 'Relu',
      attribute: [
        { name: 'a', type: 1, f: 1, i: 5, docString: 'an attribute', future: 7 },
        { name: 'b', type: 4, t: { ...tensor, name: 'unused name' } },
      ],
      overload: 'o',
      metadataProps: entries,
      deviceConfigurations: [{ configurationId: 'd', pipelineStage: 2 }],
    };
    const shape = { dim: [{ dimValue: 3, denotation: 'DATA_CHANNEL' }, {}] };
    const message = {
      irVersion: 11,
      graph: {
        node: [newNode],
        initializer: [{ ...tensor, name: 'w' }],
        docString: Uint8Array.of(0xff, 0xfe),
        input: [
          { name: 'x', type: { tensorType: { elemType: 1, shape }, denotation: 'IMAGE' }, metadataProps: entries },
          { name: 'later', type: { tensorType: { elemType: 1, future: 1 }, denotation: 'IMAGE' } },
        ],
        quantizationAnnotation: [{ tensorName: 'x' }, { tensorName: 'y' }],
        metadataProps: entries,
      },
      opsetImport: [{ domain: '', version: 23 }],
      trainingInfo: [{ initialization: { metadataProps: entries } }],
      functions: [
        {
          name: 'F',
          node: [newNode],
          domain: 'example',
          attributeProto: [{ name: 'p', type: 1, f: 1 }],
          valueInfo: [{ name: 'x' }],
          overload: 'o',
          metadataProps: entries,
        },
      ],
      configuration: [{ name: 'c', numDevices: 4 }],
      future: 0.5,
    };
    const bytes = NEWER_ONNX.encode(NEWER_ONNX.fromObject(message)).finish();
    const model = readOnnx(bytes);
    expect(model.graph.inputs[0]).toMatchObject({
      type: { kind: 'tensor', dtype: 'float32', shape: [3, null], denotations: ['DATA_CHANNEL', ''] },
    });
    const rewritten = NEWER_ONNX.toObject(NEWER_ONNX.decode(writeOnnx(model)), { longs: Number, bytes: Array });
    // The only thing that changes is where the elements are: in raw data, which this schema leaves out.
    const withoutElements = JSON.parse(
      JSON.stringify(message, (key, value) => (key === 'floatData' ? undefined : value)),
    );
    withoutElements.graph.docString = [0xff, 0xfe];
    expect(JSON.parse(JSON.stringify(rewritten))).toEqual(withoutElements);
  });

  it('gives way to what the IR says', () => {
    const attribute = { name: 'value', type: 4, t: { dims: [1], dataType: 1, floatData: [2], name: 'old name' } };
    const bytes = NEWER_ONNX.encode(
      NEWER_ONNX.fromObject({
        irVersion: 8,
        graph: { node: [{ opType: 'Constant', attribute: [attribute] }] },
        opsetImport: [{ version: 13 }],
      }),
    ).finish();
    const { graph } = readOnnx(bytes);
    const constant = graph.nodes.pop()!.attributes.get('value')!;
    if (constant.type === 'tensor') graph.initializers.set('new name', constant.value);
    expect([...readOnnx(writeOnnx(modelOf(graph, 13))).graph.initializers.keys()]).toEqual(['new name']);
    expect(onnx.ModelProto.decode(writeOnnx(modelOf(graph, 13))).graph!.initializer![0]!.name).toBe('new name');
  });

  it('is checked when it is written', () => {
    const model = { ...modelOf(emptyGraph(), 13), unmodelled: Uint8Array.of(0x0a, 0x05) };
    expect(() => writeOnnx(model)).toThrow('runs past the end');
  });
});

describe('onnxruntime runs what the writer makes', () => {
  const output = (name: string): Value => ({ name, type: { kind: 'tensor', dtype: 'float32' } });

  const run = async (model: Model): Promise<Map<string, Tensor>> => {
    const bytes = writeOnnx(model);
    const session = await openOnnx(bytes, { engine: 'node', threads: 1 });
    try {
      return await session.run(new Map());
    } finally {
      await session.release();
    }
  };
  const numbers = (tensor: Tensor | undefined) => [...new Float32Array((tensor as NumericTensor).data.slice().buffer)];

  it('with local functions and their attributes', async () => {
    const graph = emptyGraph('g');
    graph.initializers.set('x', float32Tensor([2], Float32Array.of(-4, 4)));
    graph.nodes.push({ ...node('Leak', ['x'], ['y'], { slope: { type: 'float', value: 0.25 } }), domain: 'example' });
    graph.outputs.push(output('y'));
    const model = modelOf(graph, 17);
    model.opsets.set('example', 1);
    model.functions.push({
      domain: 'example',
      name: 'Leak',
      inputs: ['a'],
      outputs: ['b'],
      attributes: ['slope'],
      nodes: [node('LeakyRelu', ['a'], ['b'], { alpha: { type: 'reference', name: 'slope', of: 'float' } })],
      opsets: new Map([['', 17]]),
    });
    expect(numbers((await run(model)).get('y'))).toEqual([-1, 4]);
    expect(decodedIndependently(writeOnnx(readOnnx(writeOnnx(model))))).toEqual(decodedIndependently(writeOnnx(model)));
  });

  it('with sequences, 8-bit floats, 4-bit integers and sparse initialisers', async () => {
    const graph = emptyGraph('g');
    graph.initializers
      .set('eight', numericTensor('float8e4m3fn', [2], Uint8Array.of(0x38, 0xb8)))
      .set('four', numericTensor('int4', [3], Uint8Array.of(0x2f, 0x07)))
      .set('scale', float32Tensor([], Float32Array.of(0.5)))
      .set('position', int64Tensor([1], []));
    graph.sparseInitializers.set('sparse', {
      shape: [4],
      values: float32Tensor([1], Float32Array.of(9)),
      indices: int64Tensor([2]),
    });
    graph.nodes.push(
      node('Cast', ['eight'], ['floats'], { to: { type: 'int', value: 1 } }),
      node('DequantizeLinear', ['four', 'scale'], ['halves']),
      node('SequenceConstruct', ['floats', 'halves', 'sparse'], ['sequence']),
      node('SequenceAt', ['sequence', 'position'], ['second']),
      node('Neg', ['sparse'], ['negated']),
    );
    graph.outputs.push(output('floats'), output('second'), output('negated'));
    const outputs = await run(modelOf(graph, 21, 10));
    expect(numbers(outputs.get('floats'))).toEqual([1, -1]);
    expect(numbers(outputs.get('second'))).toEqual([-0.5, 1, 3.5]);
    expect(numbers(outputs.get('negated'))).toEqual([-0, -0, -9, -0]);
  });
});
