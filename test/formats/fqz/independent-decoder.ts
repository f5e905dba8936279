/**
 * A second decoder of `.fqz` files, written from SPEC.md alone and as plainly as possible: contexts are a map from names
 * to probabilities, tensor networks are multiplied out by the definition. It checks nothing but what decoding needs.
 */

/** An operator of SPEC.md's table. */
export interface SpecOperator {
  readonly op: string;
  readonly attributes: readonly { readonly name: string; readonly type: string }[];
}

/** The operator table of SPEC.md's text, in order. */
export function operatorsOf(spec: string): SpecOperator[] {
  return [...spec.matchAll(/^\| (\d+) \| `(\w+)` \| (.*?) *\|$/gm)].map(([, , op, attributes]) => ({
    op: op!,
    attributes: [...attributes!.matchAll(/`(\w+)` (\w+)/g)].map(([, name, type]) => ({ name: name!, type: type! })),
  }));
}

/** One decoded symbol: what it is, and its value. */
export interface TraceEntry {
  readonly what: string;
  readonly value: unknown;
}

/** "The binary decoder" and "Symbols". */
class Decoder {
  readonly trace: TraceEntry[] = [];
  private readonly bytes: Uint8Array;
  private next = 0;
  private range = 4294967295;
  private code = 0;
  private readonly probabilities = new Map<string, { p: number; n: number }>();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    for (let i = 0; i < 4; i++) this.code = this.code * 256 + this.byte();
  }

  private byte(): number {
    const byte = this.bytes[this.next++];
    if (this.next > this.bytes.length + 8) throw new Error('past the end');
    return byte ?? 0;
  }

  private renormalise(): void {
    while (this.range < 16777216) {
      this.range *= 256;
      this.code = this.code * 256 + this.byte();
    }
  }

  atEnd(): boolean {
    return this.next >= this.bytes.length;
  }

  bit(context: string, start = { p: 32768, n: 0 }): number {
    let state = this.probabilities.get(context);
    if (!state) {
      state = { ...start };
      this.probabilities.set(context, state);
    }
    const bound = Math.floor(this.range / 65536) * state.p;
    const bit = this.code < bound ? 1 : 0;
    if (bit === 1) this.range = bound;
    else {
      this.code -= bound;
      this.range -= bound;
    }
    const rate = Math.round(16384 / (state.n + 1.5));
    state.p += Math.floor((((bit === 1 ? 65024 : 512) - state.p) * rate) / 16384);
    state.n = Math.min(state.n + 1, 254);
    this.renormalise();
    return bit;
  }

  direct(width: number): number {
    this.range = Math.floor(this.range / 2 ** width);
    const value = Math.min(Math.floor(this.code / this.range), 2 ** width - 1);
    this.code -= value * this.range;
    this.renormalise();
    return value;
  }

  private noted<T>(what: string, value: T): T {
    this.trace.push({ what, value });
    return value;
  }

  private rawTree(key: string, width: number): number {
    let node = 1;
    for (let i = 0; i < width; i++) node = 2 * node + this.bit(`${key} ${node}`);
    return node - 2 ** width;
  }

  private rawUint(key: string): number {
    let bits = 0;
    while (this.bit(`${key} length ${bits}`) === 1) bits++;
    let number = 1;
    for (let i = 0; i < bits && i < 2; i++) number = 2 * number + this.bit(`${key} bits ${bits} ${number}`);
    for (let left = bits - 2; left > 0; left -= 16) {
      const width = Math.min(left, 16);
      number = number * 2 ** width + this.direct(width);
    }
    return number - 1;
  }

  flag(key: string): boolean {
    return this.noted(key, this.bit(key) === 1);
  }

  tree(key: string, width: number): number {
    return this.noted(key, this.rawTree(key, width));
  }

  uint(key: string): number {
    return this.noted(key, this.rawUint(key));
  }

  int(key: string): number {
    return this.noted(key, this.silentInt(key));
  }

  silentInt(key: string): number {
    const folded = this.rawUint(key);
    return folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2;
  }

  text(key: string): string {
    const length = this.rawUint(`${key} length`);
    const bytes: number[] = [];
    for (let i = 0; i < length; i++) bytes.push(this.rawTree(`${key} after ${bytes[i - 1] ?? 0}`, 8));
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return this.noted(key, decoder.decode(Uint8Array.from(bytes)));
  }

  /** A recency list; `place` names the statistics of the place, `fresh` reads a value that is not in the list. */
  recent<T>(list: T[], place: string, fresh: () => T): T {
    const at = this.uint(place);
    const value = at === 0 ? fresh() : list.splice(at - 1, 1)[0]!;
    list.unshift(value);
    list.length = Math.min(list.length, 64);
    return value;
  }
}

const DTYPES = [
  ...['', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64'],
  ...['uint32', 'uint64', 'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2'],
  ...['float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1', 'float8e8m0'],
];
const BITS: Record<string, number> = {
  ...{ float32: 32, uint8: 8, int8: 8, uint16: 16, int16: 16, int32: 32, int64: 64, bool: 8, float16: 16, float64: 64 },
  ...{ uint32: 32, uint64: 64, complex64: 64, complex128: 128, bfloat16: 16, uint4: 4, int4: 4, float4e2m1: 4 },
};
const bitsOf = (dtype: string) => BITS[dtype] ?? 8;
const product = (numbers: readonly number[]) => numbers.reduce((a, b) => a * b, 1);

interface IndependentNode {
  op: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, { type: string; value: unknown }>;
}

interface Tensor {
  dtype: string;
  shape: number[];
  data?: Uint8Array;
  strings?: Uint8Array[];
}

interface Operand {
  kind: 'quantized' | 'float' | 'cosine';
  shape: number[];
  step?: number;
  precision?: string;
  levels?: Int32Array;
  values?: Float32Array;
  count?: number;
  size?: number;
  frequencyAxes: number[];
  frequencies: number;
  chainAxis?: number;
  factors?: number[];
}

export interface IndependentNetwork {
  expression: string;
  shape: number[];
  operands: Operand[];
}

export interface IndependentWeight {
  name: string;
  dtype: string;
  shape: number[];
  network?: IndependentNetwork;
  tensor?: Tensor;
}

interface Header {
  dtype: string;
  shape: number[];
  network?: IndependentNetwork;
}

/** A decoded file, in the structure that fixtures/describe-archive.mjs describes. */
export interface IndependentArchive {
  version: number;
  graph: { kind: 'compact'; model: unknown } | { kind: 'onnx'; deflated: Uint8Array };
  weights: IndependentWeight[];
  preparation?: unknown;
  labels?: string[];
  /** Every symbol of the graph section in order. */
  graphTrace: TraceEntry[];
  /** Every symbol of the coefficients section but the numbers themselves. */
  weightTrace: TraceEntry[];
}

/** Decodes a file. Throws `Error` where it is not whole. */
export function decodeIndependently(file: Uint8Array, operators: readonly SpecOperator[]): IndependentArchive {
  if (String.fromCharCode(...file.subarray(0, 3)) !== 'FQZ' || !'\x01\x02'.includes(String.fromCharCode(file[3]!)))
    throw new Error('no .fqz of version 1 or 2');
  const version = file[3]!;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(file.length - 4, true) !== crc(file.subarray(0, -4))) throw new Error('wrong CRC');
  let at = 4;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = file[at++]!;
      value += (byte % 128) * shift;
      if (byte < 128) return value;
    }
  };
  const length = varint();
  const layerLengths = version === 1 ? [] : Array.from({ length: varint() }, varint);

  const head = new Decoder(file.subarray(at, at + length));
  const foreign = head.flag('stored as ONNX');
  const coded = foreign ? undefined : readGraph(head, operators);
  const uses = coded?.weights ?? readForeignWeights(head);
  const headers = readHeaders(
    head,
    uses.map(({ slot }) => slot),
    version,
    Math.max(0, layerLengths.length - 1),
  );
  const companions = readCompanions(head);
  const foreignLength = foreign ? head.uint('length of the ONNX graph') : 0;
  if (!head.atEnd()) throw new Error('graph section left over');

  const start = at + length + foreignLength;
  const sections: Uint8Array[] = [];
  if (layerLengths.length === 0) sections.push(file.subarray(start, -4));
  for (let layer = 0, end = at + length; end < file.length; layer++) {
    if (layerLengths.length === 0) break;
    const from = layer === 0 ? start : end;
    end += layerLengths[layer]!;
    sections.push(file.subarray(from, end));
    end += 4;
    if (!(end <= file.length)) throw new Error('cut off');
  }
  const [body, ...layers] = sections.map((section) => new Decoder(section));
  const weights = headers.map((header, index) => readNumbers(body!, layers, uses[index]!.name, header));
  if ([body!, ...layers].some((section) => !section.atEnd())) throw new Error('coefficients left over');
  return {
    version,
    graph: coded ? { kind: 'compact', model: coded.model } : { kind: 'onnx', deflated: file.slice(at + length, start) },
    weights,
    ...companions,
    graphTrace: head.trace,
    weightTrace: body!.trace,
  };
}

/** "Checksum". */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let i = 0; i < 8; i++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return ~value >>> 0;
}

/** "Graph". */
function readGraph(d: Decoder, operators: readonly SpecOperator[]) {
  const opset = d.uint('opset');
  const port = () => {
    const name = d.text('text');
    const dtype = DTYPES[d.tree('port type', 5)]!;
    if (!d.flag('port has a shape')) return { name, type: { dtype } };
    const shape = Array.from({ length: d.uint('port rank') }, () => {
      const kind = d.tree('dimension kind', 2);
      return kind === 0 ? d.uint('dimension size') : kind === 1 ? d.text('text') : null;
    });
    return { name, type: { dtype, shape } };
  };
  const inputs = Array.from({ length: d.uint('graph inputs') }, port);
  const outputs = Array.from({ length: d.uint('graph outputs') }, port);

  const taken = new Set([...inputs, ...outputs].map(({ name }) => name));
  const ordinals = new Map<string, number>();
  const invent = (stem: string, tail: string): string => {
    for (;;) {
      const ordinal = ordinals.get(stem + tail) ?? 0;
      ordinals.set(stem + tail, ordinal + 1);
      if (!taken.has(`${stem}${ordinal}${tail}`)) return `${stem}${ordinal}${tail}`;
    }
  };

  const values = inputs.map(({ name }) => name);
  const weights: { name: string; slot: string }[] = [];
  const latestAt = new Map<string, number>();
  const reference = (slot: string, stem: string, tail: string): string => {
    const kind = d.tree(`reference ${slot}`, 3);
    if (kind === 5) return '';
    if (kind === 0) return values.at(-1)!;
    if (kind === 2) return values.at(-2 - d.uint(`distance ${slot}`))!;
    let index = weights.length;
    if (kind === 1) weights.push({ name: invent(stem, tail), slot });
    else if (kind === 3) index = weights.length - 1 - d.uint(`weight distance ${slot}`);
    else index = latestAt.get(slot)!;
    latestAt.set(slot, index);
    return weights[index]!.name;
  };

  const nodes: IndependentNode[] = [];
  const recentOperators: number[] = [];
  const successors = new Map<string, number>();
  const attributes = attributeReader(d);
  const nodeCount = d.uint('nodes');
  for (let at = 0, before = ''; at < nodeCount; at++) {
    let number = successors.get(before);
    if (number === undefined || !d.flag(`operator after "${before}" as predicted`)) {
      number = d.recent(recentOperators, 'operator place', () => d.tree('operator number', 8));
      successors.set(before, number);
    }
    const { op, attributes: known } = operators[number]!;
    before = op;
    const inputCount = d.uint(`inputs of ${op}`);
    const from = Array.from({ length: inputCount }, (_, i) => reference(`${op} ${i}`, op, `.${i}`));
    const outputCount = d.uint(`outputs of ${op}, less one`) + 1;
    const to = Array.from({ length: outputCount }, (_, i) =>
      d.flag(`output ${op} ${i} is omitted`) ? '' : invent('value', ''),
    );
    values.push(...to.toReversed().filter((name) => name !== ''));
    nodes.push({ op, name: '', inputs: from, outputs: to, attributes: attributes(op, known) });
  }
  const names = new Map(outputs.map(({ name }) => [reference('output', 'output', ''), name]));
  const unused = d.uint('unused weights');
  for (let at = 0; at < unused; at++) weights.push({ name: invent('unused', ''), slot: 'unused' });

  const model = {
    opsets: new Map([['', opset]]),
    producerName: 'fqz',
    metadata: new Map<string, string>(),
    graph: { name: '', inputs, outputs, nodes },
  };
  if (d.flag('names are kept')) {
    model.producerName = d.text('text');
    d.text('text');
    model.graph.name = d.text('text');
    model.metadata = new Map(JSON.parse(d.text('text')));
    for (const node of nodes) node.name = d.text('text');
    for (const name of [...nodes.flatMap((node) => node.outputs), ...weights.map((weight) => weight.name)]) {
      if (name !== '' && !names.has(name) && !taken.has(name)) names.set(name, d.text('text'));
    }
  }
  const renamed = (name: string) => names.get(name) ?? name;
  for (const node of nodes) {
    node.inputs = node.inputs.map(renamed);
    node.outputs = node.outputs.map(renamed);
  }
  for (const weight of weights) weight.name = renamed(weight.name);
  return { model, weights };
}

/** "Attributes". */
function attributeReader(d: Decoder) {
  const last = new Map<string, IndependentNode['attributes']>();
  const list = <T>(key: string, item: () => T): T[] => Array.from({ length: d.uint(`values of ${key}`) }, item);
  const float = () => new Float32Array(readPatterns(d, 'attribute', 'float32', 1).buffer)[0]!;
  const value = (key: string, type: string): unknown => {
    switch (type) {
      case 'int':
        return d.int(`integer ${key}`);
      case 'ints':
        return list(key, () => d.int(`integer ${key}`));
      case 'float':
        return float();
      case 'floats':
        return list(key, float);
      case 'string':
        return d.text('attribute text');
      case 'strings':
        return list(key, () => d.text('attribute text'));
      default: {
        const dtype = DTYPES[d.tree('attribute type', 5)]!;
        return readTensor(
          d,
          'attribute tensor',
          dtype,
          list(key, () => d.int(`integer ${key}`)),
        );
      }
    }
  };
  return (op: string, known: SpecOperator['attributes']): IndependentNode['attributes'] => {
    if (known.length === 0) return new Map();
    if (d.flag(`attributes of ${op} as before`)) return new Map(last.get(op));
    const attributes: IndependentNode['attributes'] = new Map();
    for (const { name, type } of known) {
      if (d.flag(`${op}.${name} is given`)) attributes.set(name, { type, value: value(`${op}.${name}`, type) });
    }
    last.set(op, attributes);
    return new Map(attributes);
  };
}

/** "Graphs stored as ONNX". */
function readForeignWeights(d: Decoder): { name: string; slot: string }[] {
  return Array.from({ length: d.uint('weights') }, () => ({ name: d.text('weight name'), slot: 'onnx' }));
}

/** "Weight headers". */
function readHeaders(d: Decoder, slots: string[], version: number, refinements: number): Header[] {
  const types = new Map<string, number[]>();
  const sizes: number[] = [];
  const rows: number[] = [];
  const counts: number[] = [];
  const expressions: string[] = [];
  let step = 0;

  const size = (place: string) => d.recent(sizes, `size place ${place}`, () => d.uint('size'));
  const shape = (slot: string) => Array.from({ length: d.uint(`rank ${slot}`) }, (_, axis) => size(`${slot} ${axis}`));
  const rowCount = (place: string) => d.recent(rows, `rows place ${place}`, () => d.uint('rows'));

  const operand = (kindKey: string, slot: string, layout: () => Pick<Operand, 'shape' | 'frequencyAxes'>): Operand => {
    const kind = d.tree(`operand kind ${kindKey}`, version + 1);
    if (kind === 3) {
      const length = size('cosine');
      const count = rowCount('cosine');
      return { kind: 'cosine', size: length, count, shape: [count, length], frequencyAxes: [], frequencies: 0 };
    }
    if (kind === 0 || kind === 4) step += d.int('step change');
    const core = layout();
    const frequencies = d.recent(counts, `frequencies place ${slot}`, () => d.uint('frequencies'));
    if (kind === 0 || kind === 4) {
      const factors = Array.from({ length: refinements }, (_, layer) => d.uint(`factor of layer ${layer}`));
      const quantized: Operand = { kind: 'quantized', step: stepOf(step), ...core, frequencies, factors };
      if (kind === 4) quantized.chainAxis = d.uint(`chain axis ${kindKey}`);
      return quantized;
    }
    return { kind: 'float', precision: kind === 1 ? 'float16' : 'float32', ...core, frequencies };
  };

  return slots.map((slot): Header => {
    const list = types.get(slot) ?? [];
    types.set(slot, list);
    const dtype = DTYPES[d.recent(list, `type place ${slot}`, () => d.tree(`type ${slot}`, 5))]!;
    const own = shape(slot);
    const storage = d.tree(`storage ${slot}`, 2);
    if (storage === 0) return { dtype, shape: own };
    const whole = d.flag(`folded ${slot}`) ? shape(`${slot} folded`) : own;
    if (storage === 1) {
      const axes = whole.flatMap((_, axis) => (d.flag(`frequency axis ${slot} ${axis}`) ? [axis] : []));
      const core = whole.map((length, axis) => (axes.includes(axis) ? rowCount(`${slot} ${axis}`) : length));
      const first = operand(slot, slot, () => ({ shape: core, frequencyAxes: axes }));
      const cosines = axes.map(
        (axis): Operand => ({
          kind: 'cosine',
          count: core[axis]!,
          size: whole[axis]!,
          shape: [core[axis]!, whole[axis]!],
          frequencyAxes: [],
          frequencies: 0,
        }),
      );
      const letters = 'oiuvwxyz'.slice(0, whole.length);
      const coreLetters = [...letters].map((letter, axis) => (axes.includes(axis) ? 'abcdefgh'[axis] : letter));
      const parts = [coreLetters.join(''), ...axes.map((axis) => `${coreLetters[axis]}${letters[axis]}`)];
      const expression = `${parts.join(',')}->${letters}`;
      return { dtype, shape: own, network: { expression, shape: whole, operands: [first, ...cosines] } };
    }
    const expression = d.recent(expressions, 'expression place', () => d.text('expression'));
    const operands = expression
      .split('->')[0]!
      .split(',')
      .map((letters) =>
        operand('operand', slot, () => {
          const lengths = [...letters].map((_, axis) => size(`operand ${axis}`));
          const axes = lengths.flatMap((_, axis) => (d.flag('frequency axis operand') ? [axis] : []));
          return { shape: lengths, frequencyAxes: axes };
        }),
      );
    return { dtype, shape: own, network: { expression, shape: whole, operands } };
  });
}

function stepOf(code: number): number {
  const octave = Math.floor(code / 32);
  return (1 + (code - 32 * octave) / 32) * 2 ** octave;
}

/** "Companions". */
function readCompanions(d: Decoder): Pick<IndependentArchive, 'preparation' | 'labels'> {
  const numbers = () => d.text('companion text').split(' ').map(Number);
  const companions: Pick<IndependentArchive, 'preparation' | 'labels'> = {};
  if (d.flag('companion is given')) {
    const [scale, mean, std] = [numbers()[0], numbers(), numbers()];
    companions.preparation = { scale, mean, std, channels: d.flag('channels are BGR') ? 'bgr' : 'rgb' };
  }
  if (d.flag('companion is given')) {
    companions.labels = Array.from({ length: d.uint('labels') }, () => d.text('companion text'));
  }
  return companions;
}

/** "Coefficients". */
function readNumbers(
  d: Decoder,
  layers: Decoder[],
  name: string,
  { dtype, shape, network }: Header,
): IndependentWeight {
  if (!network) return { name, dtype, shape, tensor: readTensor(d, 'weight', dtype, shape) };
  for (const operand of network.operands) {
    if (operand.kind === 'quantized') readQuantized(d, layers, operand);
    if (operand.kind !== 'float') continue;
    operand.values = new Float32Array(product(operand.shape));
    const places = codedPlaces(operand);
    const patterns = readPatterns(d, 'network', operand.precision!, places.length);
    const numbers = operand.precision === 'float32' ? new Float32Array(patterns.buffer) : [...patterns].map(half);
    for (const [at, place] of places.entries()) operand.values[offsetOf(place, operand.shape)] = numbers[at]!;
  }
  return { name, dtype, shape, network };
}

/** "Levels", "Chains", and "Refinements" of them. */
function readQuantized(d: Decoder, layers: Decoder[], operand: Operand): void {
  const { factors = [], chainAxis } = operand;
  const last = factors.findLastIndex((factor) => factor > 0);
  if (last >= 0) delete operand.chainAxis;
  operand.levels = operand.chainAxis === undefined ? readLevels(d, operand) : readNewChains(d, operand);
  for (const [layer, factor] of factors.entries()) {
    if (factor === 0) continue;
    if (layer >= layers.length) {
      operand.step! *= factor;
      continue;
    }
    if (layer === last && chainAxis !== undefined) operand.chainAxis = chainAxis;
    operand.levels = readRefinement(layers[layer]!, operand, factor);
  }
}

/** "Chains" in the coefficients section. */
function readNewChains(d: Decoder, operand: Operand): Int32Array {
  return readChains(operand, (_, quantizer, own) => {
    const quarters = own < 2 ? [2, 6][own]! : (own % 2 ? 7 : 5) * 2 ** Math.floor(own / 2);
    return readLevel(d, `chains ${quantizer} ${own}`, quarters, 64, 'chains ');
  });
}

/** "Refinements". */
function readRefinement(d: Decoder, operand: Operand, factor: number): Int32Array {
  const { shape, levels: old } = operand;
  const refine = (place: number[], situation: string, nearest: (scaled: number) => number) => {
    const before = old![offsetOf(place, shape)]!;
    const by = d.silentInt(`refinement ${situation} ${before === 0 ? 'zero' : Math.abs(before % 2)}`);
    return nearest(factor * before) + (before < 0 ? -by : by);
  };
  if (operand.chainAxis !== undefined) {
    return readChains(operand, (place, quantizer, own) => {
      const nearest = (scaled: number) => Math.sign(scaled) * Math.floor((Math.abs(scaled) + quantizer) / 2);
      return refine(place, `${quantizer} ${own}`, nearest);
    });
  }
  const levels = new Int32Array(old!.length);
  for (const place of codedPlaces(operand)) {
    const [sum, weight] = neighbours(levels, shape, place);
    const neighbourhood = weight === 0 ? 0 : neighbourhoodOf(Math.floor((8 * sum) / weight));
    levels[offsetOf(place, shape)] = refine(place, `0 ${neighbourhood}`, (scaled) => scaled);
  }
  return levels;
}

function multipleOf(quantizer: number, index: number): number {
  return quantizer === 0 ? 2 * index : 2 * index - Math.sign(index);
}

function nextState(state: number, index: number): number {
  return (index % 2 === 0 ? [0, 2, 5, 7, 1, 3, 4, 6] : [1, 3, 4, 6, 0, 2, 5, 7])[state]!;
}

function half(pattern: number): number {
  const sign = pattern >> 15 ? -1 : 1;
  const exponent = (pattern >> 10) % 32;
  const fraction = pattern % 1024;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const offsetOf = (place: readonly number[], shape: readonly number[]) =>
  place.reduce((offset, index, axis) => offset * shape[axis]! + index, 0);

/** All places of a box in row-major order. */
function placesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (prefixes, size) => prefixes.flatMap((prefix) => Array.from({ length: size }, (_, index) => [...prefix, index])),
    [[]],
  );
}

/** The coded places of an operand, in the order of the file. */
function codedPlaces({ shape, frequencyAxes, frequencies }: Operand): number[][] {
  const sum = (place: number[]) => place.reduce((a, b) => a + b, 0);
  const zigzag = placesOf(frequencyAxes.map((axis) => shape[axis]!)).sort((a, b) => sum(a) - sum(b));
  const plainAxes = shape.map((_, axis) => axis).filter((axis) => !frequencyAxes.includes(axis));
  const plain = placesOf(plainAxes.map((axis) => shape[axis]!));
  return zigzag.slice(0, frequencies).flatMap((frequency) =>
    plain.map((entry) =>
      shape.map((_, axis) => {
        const at = frequencyAxes.indexOf(axis);
        return at >= 0 ? frequency[at]! : entry[plainAxes.indexOf(axis)]!;
      }),
    ),
  );
}

/** "Levels". */
function readLevels(d: Decoder, operand: Operand): Int32Array {
  const { shape } = operand;
  const levels = new Int32Array(product(shape));
  for (const place of codedPlaces(operand)) {
    const [sum, weight] = neighbours(levels, shape, place);
    const own = weight === 0 ? 0 : neighbourhoodOf(Math.floor((8 * sum) / weight));
    levels[offsetOf(place, shape)] = readLevel(d, `${own}`, neighbourhoodMean(own), 8);
  }
  return levels;
}

/** `sum` and `weight`. */
function neighbours(levels: Int32Array, shape: readonly number[], place: readonly number[]): [number, number] {
  let sum = 0;
  let weight = 0;
  shape.forEach((_, axis) => {
    for (const [back, factor] of [
      [1, 2],
      [2, 1],
    ] as const) {
      if (place[axis]! < back) continue;
      const neighbour = place.with(axis, place[axis]! - back);
      sum += factor * Math.abs(levels[offsetOf(neighbour, shape)]!);
      weight += factor;
    }
  });
  return [sum, weight];
}

/** "Chains"; `readIndex` reads the index of a number. */
function readChains(
  operand: Operand,
  readIndex: (place: number[], quantizer: number, magnitudeClass: number) => number,
): Int32Array {
  const { shape, chainAxis } = operand;
  const multiples = new Int32Array(product(shape));
  const all = codedPlaces(operand);
  const sums: number[] = new Array(all.length / shape[chainAxis!]!).fill(0);
  let total = 0;
  for (let chain = 0; chain < shape[chainAxis!]!; chain++) {
    const mean = (total + 1) / (chain * sums.length + 1);
    const inverse = 1 / (chain + 3);
    let before = 6 * mean;
    let row = before;
    const shares = sums.map((own) => {
      const column = (own + 3 * mean) * inverse;
      const share = (6 * column) / before;
      before += column;
      return share;
    });
    let state = 0;
    for (const [at, place] of all.filter((candidate) => candidate[chainAxis!] === chain).entries()) {
      const [sum, weight] = neighbours(multiples, shape, place);
      const near = weight === 0 ? 0 : sum * (2 / weight);
      const eighths = Math.min(Math.floor(row * shares[at]! + near), 4095);
      const power = Math.floor(Math.log2(eighths));
      const own = eighths < 2 ? eighths : 2 * power + (eighths >= 1.5 * 2 ** power ? 1 : 0);
      const quantizer = state % 2;
      const index = readIndex(place, quantizer, own);
      const multiple = multipleOf(quantizer, index);
      multiples[offsetOf(place, shape)] = multiple;
      state = nextState(state, index);
      row += Math.abs(multiple);
      total += Math.abs(multiple);
      sums[at]! += Math.abs(multiple);
    }
  }
  return multiples;
}

function neighbourhoodOf(mean: number): number {
  if (mean < 2) return 1 + mean;
  const octave = Math.floor(Math.log2(mean));
  const upper = mean >= 1.5 * 2 ** octave ? 1 : 0;
  return Math.min(2 * octave + 1 + upper, 23);
}

function readLevel(d: Decoder, situation: string, mean: number, unit: number, where = ''): number {
  let bits = 0;
  while (d.bit(`class ${situation} ${bits}`, { p: prior(mean, unit, bits), n: 2 }) === 1) bits++;
  if (bits === 0) return 0;
  let magnitude = 1;
  for (let i = 0; i < bits - 1 && i < 3; i++) magnitude = 2 * magnitude + d.bit(`${where}level ${bits} ${magnitude}`);
  for (let left = bits - 4; left > 0; left -= 16) {
    const width = Math.min(left, 16);
    magnitude = magnitude * 2 ** width + d.direct(width);
  }
  return d.direct(1) ? -magnitude : magnitude;
}

function neighbourhoodMean(neighbourhood: number): number {
  const start = [0, 0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048];
  return neighbourhood === 0 ? 64 : start[neighbourhood]! + 1;
}

function prior(mean: number, unit: number, bits: number): number {
  let tail = Math.floor((mean * 65536) / (mean + unit));
  for (let k = 2; k <= bits; k++) tail = Math.floor((tail * tail) / 65536);
  return Math.min(Math.max(tail, 512), 65024);
}

/** "Float patterns". */
function readPatterns(d: Decoder, where: string, dtype: string, count: number): Uint32Array {
  const key = `${where} ${dtype}`;
  const [exponentBits, mantissaBits] = { float32: [8, 23], float16: [5, 10], bfloat16: [8, 7] }[dtype] as number[];
  const unused = d.tree(`${key} unused bits`, 5);
  const patterns = new Uint32Array(count);
  for (let at = 0, before = 0; at < count; at++) {
    let exponent = 1;
    for (let i = 0; i < exponentBits!; i++) {
      exponent = 2 * exponent + d.bit(`${key} exponent after ${before} ${exponent}`);
    }
    exponent -= 2 ** exponentBits!;
    before = exponent;
    if (exponent === 0 && d.bit(`${key} zero`)) {
      patterns[at] = d.bit(`${key} sign of zero`) * 2 ** (exponentBits! + mantissaBits!);
      continue;
    }
    const sign = d.direct(1);
    let high = 1;
    for (let i = 0; i < 2; i++) high = 2 * high + d.bit(`${key} mantissa ${high}`);
    let low = 0;
    for (let left = mantissaBits! - 2 - unused; left > 0; left -= 16) {
      const width = Math.min(left, 16);
      low = low * 2 ** width + d.direct(width);
    }
    const mantissa = (high - 4) * 2 ** (mantissaBits! - 2) + low * 2 ** unused;
    patterns[at] = (sign * 2 ** exponentBits! + exponent) * 2 ** mantissaBits! + mantissa;
  }
  return patterns;
}

/** "Exact tensors". */
function readTensor(d: Decoder, where: string, dtype: string, shape: number[]): Tensor {
  const count = product(shape);
  if (dtype === 'string') {
    const strings = Array.from({ length: count }, () => {
      const length = d.uint(`${where} string length`);
      return Uint8Array.from({ length }, () => readByte(d, `${where} string 0`));
    });
    return { dtype, shape, strings };
  }
  const size = Math.ceil((count * bitsOf(dtype)) / 8);
  const width = Math.max(1, bitsOf(dtype) / 8);
  if (!d.flag(`${where} all elements are equal`)) return { dtype, shape, data: readElements(d, where, dtype, size) };
  const element = readElements(d, where, dtype, width);
  return { dtype, shape, data: Uint8Array.from({ length: size }, (_, at) => element[at % width]!) };
}

function readByte(d: Decoder, key: string): number {
  let node = 1;
  for (let i = 0; i < 8; i++) node = 2 * node + d.bit(`${key} ${node}`);
  return node - 256;
}

function readElements(d: Decoder, where: string, dtype: string, size: number): Uint8Array {
  const width = Math.max(1, bitsOf(dtype) / 8);
  const data = new Uint8Array(size);
  const put = (at: number, value: bigint) => {
    for (let byte = 0; byte < width; byte++) data[at * width + byte] = Number((value >> BigInt(8 * byte)) & 255n);
  };
  if (['float32', 'float16', 'bfloat16'].includes(dtype)) {
    readPatterns(d, where, dtype, size / width).forEach((pattern, at) => {
      put(at, BigInt(pattern));
    });
    return data;
  }
  const isInteger = /^(u?int(8|16|32|64)|bool)$/.test(dtype);
  if (isInteger && !d.flag(`${where} wide integers`)) {
    const byDifference = d.flag(`${where} ${dtype} differences`);
    for (let at = 0, before = 0, context = 0; at < size / width; at++) {
      const coded = d.int(`${where} ${dtype} after ${context}`);
      context = Math.min(coded === 0 ? 0 : Math.floor(Math.log2(Math.abs(coded))) + 1, 8);
      before = ((byDifference ? before : 0) + coded) | 0;
      put(at, BigInt(before));
    }
    return data;
  }
  for (let at = 0; at < size; at++) data[at] = readByte(d, `${where} ${dtype} ${at % width}`);
  return data;
}

interface Labelled {
  letters: string;
  shape: number[];
  values: Float64Array;
}

/** "Tensor networks": the dense tensor, operand by operand, each product by its definition. */
export function expandIndependently({ expression, operands }: IndependentNetwork): Float64Array {
  const [left, result] = expression.split('->') as [string, string];
  const letters = left.split(',');
  let all: Labelled = { letters: '', shape: [], values: Float64Array.of(1) };
  operands.forEach((operand, at) => {
    const keep = [result, ...letters.slice(at + 1)].join('');
    all = multiply(all, { letters: letters[at]!, shape: operand.shape, values: valuesOf(operand) }, keep);
  });
  return multiply(all, { letters: '', shape: [], values: Float64Array.of(1) }, result, result).values;
}

function valuesOf({ kind, levels, values, step, count, size }: Operand): Float64Array {
  if (kind === 'quantized') return Float64Array.from(levels!, (level) => level * step!);
  if (kind === 'float') return Float64Array.from(values!);
  return Float64Array.from({ length: count! * size! }, (_, at) => {
    const [k, x] = [Math.floor(at / size!), at % size!];
    return Math.sqrt((k === 0 ? 1 : 2) / size!) * Math.cos((Math.PI * (2 * x + 1) * k) / (2 * size!));
  });
}

/** Σ a × b over the letters that `keep` does not name. */
function multiply(a: Labelled, b: Labelled, keep: string, order?: string): Labelled {
  const sizes = new Map<string, number>();
  for (const { letters, shape } of [a, b]) {
    [...letters].forEach((letter, axis) => {
      sizes.set(letter, shape[axis]!);
    });
  }
  const kept = order ? [...order] : [...sizes.keys()].filter((letter) => keep.includes(letter));
  const summed = [...sizes.keys()].filter((letter) => !kept.includes(letter));
  const all = [...kept, ...summed];
  const lengths = all.map((letter) => sizes.get(letter)!);
  const steps = (letters: string, shape: readonly number[]) =>
    all.map((letter) => (letters.includes(letter) ? product(shape.slice(letters.indexOf(letter) + 1)) : 0));
  const shape = kept.map((letter) => sizes.get(letter)!);
  const [inA, inB, inResult] = [steps(a.letters, a.shape), steps(b.letters, b.shape), steps(kept.join(''), shape)];
  const values = new Float64Array(product(shape));
  const visit = (axis: number, x: number, y: number, z: number): void => {
    if (axis === all.length) {
      values[z]! += a.values[x]! * b.values[y]!;
      return;
    }
    for (let i = 0; i < lengths[axis]!; i++) {
      visit(axis + 1, x + i * inA[axis]!, y + i * inB[axis]!, z + i * inResult[axis]!);
    }
  };
  visit(0, 0, 0, 0);
  return { letters: kept.join(''), shape, values };
}
