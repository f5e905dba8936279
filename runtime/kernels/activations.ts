/**
 * Activation functions of recurrent operators, by the names that ONNX gives them (operator documentation of LSTM).
 */

/** A function of x with two parameters, of which it may ignore some; where the node does not give them, they are these. */
interface Activation {
  readonly apply: (x: number, alpha: number, beta: number) => number;
  readonly alpha?: number;
  readonly beta?: number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** A function's number in tables of `RareKernels.recurrent` is its position here. */
export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  Sigmoid: { apply: sigmoid },
  Tanh: { apply: Math.tanh },
  Relu: { apply: (x) => Math.max(0, x) },
  Affine: { apply: (x, alpha, beta) => alpha * x + beta, alpha: 1, beta: 0 },
  LeakyRelu: { apply: (x, alpha) => (x < 0 ? alpha * x : x), alpha: 0.01 },
  ThresholdedRelu: { apply: (x, alpha) => (x > alpha ? x : 0), alpha: 1 },
  ScaledTanh: { apply: (x, alpha, beta) => alpha * Math.tanh(beta * x), alpha: 1, beta: 1 },
  HardSigmoid: { apply: (x, alpha, beta) => Math.min(1, Math.max(0, alpha * x + beta)), alpha: 0.2, beta: 0.5 },
  Elu: { apply: (x, alpha) => (x < 0 ? alpha * Math.expm1(x) : x), alpha: 1 },
  Softsign: { apply: (x) => x / (1 + Math.abs(x)) },
  Softplus: { apply: (x) => Math.log1p(Math.exp(x)) },
};
