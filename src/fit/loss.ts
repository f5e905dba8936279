/**
 * Losses as nodes of the training graph. Each compares an output with a target that is an input of the graph, and all are
 * means over the batch, added up with weights.
 */
import { type Attribute, type Model, node as newNode } from '../graph/graph.ts';
import { float32Tensor, int64Tensor } from '../graph/tensor.ts';
import { nameMaker } from '../graph/uses.ts';

/**
 * `cross-entropy`: targets are class probabilities along axis 1, of the shape of the output. With probabilities of a teacher
 * it is the distillation of Hinton, Vinyals and Dean 2015, up to a constant; `temperature` divides the output before.
 * `mse`: the mean squared difference. `bce`: targets from 0 to 1 for each logit. `dice`: one minus the Dice coefficient
 * of the foreground, of shape (N, 1, …): the single logit, or all channels but the first (Milletari et al. 2016).
 */
export type LossKind = 'cross-entropy' | 'mse' | 'bce' | 'dice';

export interface LossTerm {
  readonly kind: LossKind;
  /** Name of the model's output. */
  readonly output: string;
  /** Shape of that output in a batch. */
  readonly shape: readonly number[];
  readonly weight: number;
  /** For `cross-entropy`; 1 unless given. Its loss is multiplied by its square, so that gradients keep their scale. */
  readonly temperature?: number;
}

export interface Loss {
  /** Name of the scalar that is minimised. */
  readonly value: string;
  /** The input of the graph that takes the target of each term, with its shape. */
  readonly targets: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Appends the terms to the graph of `model`, in place. */
export function appendLoss(model: Model, terms: readonly LossTerm[]): Loss {
  const { graph } = model;
  const newName = nameMaker(graph);
  const number = (value: number) => {
    const name = newName('number');
    graph.initializers.set(name, float32Tensor([], Float32Array.of(value)));
    return name;
  };
  const integers = (values: number[]) => {
    const name = newName('integers');
    graph.initializers.set(name, int64Tensor(values));
    return name;
  };
  const apply = (op: string, inputs: string[], attributes: Record<string, Attribute> = {}) => {
    const output = newName(`loss/${op}`);
    graph.nodes.push(newNode(op, inputs, [output], attributes));
    return output;
  };
  const int = (value: number): Attribute => ({ type: 'int', value });
  /** Sum over all axes but the first of an (N, …) value: (N). */
  const sumEach = (value: string, rank: number) =>
    rank < 2
      ? value
      : apply('ReduceSum', [value, integers(Array.from({ length: rank - 1 }, (_, at) => at + 1))], {
          keepdims: int(0),
        });
  const mean = (value: string) => apply('ReduceMean', [value], { keepdims: int(0) });

  const losses: Record<LossKind, (term: LossTerm, target: string) => string> = {
    'cross-entropy': ({ output, shape, temperature = 1 }, target) => {
      const logits = temperature === 1 ? output : apply('Mul', [output, number(1 / temperature)]);
      const logarithms = apply('LogSoftmax', [logits], { axis: int(shape.length > 1 ? 1 : -1) });
      // The mean over everything is too small by the number of classes.
      const classes = shape.length > 1 ? shape[1]! : shape[0]!;
      return apply('Mul', [mean(apply('Mul', [logarithms, target])), number(-classes * temperature ** 2)]);
    },
    mse: ({ output }, target) => {
      const difference = apply('Sub', [output, target]);
      return mean(apply('Mul', [difference, difference]));
    },
    // log(1 + eᶻ) − t z
    bce: ({ output }, target) => mean(apply('Sub', [apply('Softplus', [output]), apply('Mul', [output, target])])),
    dice: ({ output, shape }, target) => {
      const channels = shape.length > 1 ? shape[1]! : 1;
      const one = number(1);
      const background = () =>
        apply('Slice', [apply('Softmax', [output], { axis: int(1) }), integers([0]), integers([1]), integers([1])]);
      const foreground = channels === 1 ? apply('Sigmoid', [output]) : apply('Sub', [one, background()]);
      const both = sumEach(apply('Mul', [foreground, target]), shape.length);
      const sum = apply('Add', [sumEach(foreground, shape.length), sumEach(target, shape.length)]);
      // One pixel is added to both sides, so that empty masks have a Dice of 1 and a slope.
      const coefficient = apply('Div', [
        apply('Add', [apply('Mul', [both, number(2)]), one]),
        apply('Add', [sum, one]),
      ]);
      return mean(apply('Sub', [one, coefficient]));
    },
  };

  const targets: { name: string; shape: number[] }[] = [];
  let value: string | undefined;
  for (const term of terms) {
    const target = newName(`${term.output}/target`);
    const isMask = term.kind === 'dice' && term.shape.length > 1;
    const shape = isMask ? [term.shape[0]!, 1, ...term.shape.slice(2)] : [...term.shape];
    targets.push({ name: target, shape });
    graph.inputs.push({ name: target, type: { kind: 'tensor', dtype: 'float32', shape: [...shape] } });
    const own = apply('Mul', [losses[term.kind](term, target), number(term.weight)]);
    value = value === undefined ? own : apply('Add', [value, own]);
  }
  if (value === undefined) throw new TypeError('a fit needs a loss');
  return { value, targets };
}
