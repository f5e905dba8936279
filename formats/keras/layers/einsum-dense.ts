/**
 * EinsumDense: a product with a kernel along any axes, by an equation such as `abc,cde->abde` or `...x,xy->...y`.
 */
import type { Dim } from '../../../src/graph/graph.ts';
import { applyActivation } from '../activations.ts';
import { arrayTensor } from '../array-order.ts';
import { broadcastConstant, broadcastShape } from '../broadcast.ts';
import { identity, text } from '../graph-builder.ts';
import { setting } from '../layer-config.ts';
import { floatInput, inputOf, type LayerRows, layerError, type Rule, takeWeights } from '../layer-rule.ts';

/** The equation's three terms, as Keras accepts them: an ellipsis stands in both values or in none. */
const EQUATION = /^(\.{3})?([a-zA-Z]+)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]+)(\.{3})?$/;

const einsumDense: Rule = (applied) => {
  const { layer, builder } = applied;
  const value = builder.plain(floatInput(builder, inputOf(applied, 1)));
  const equation = `${setting(layer, 'equation')}`.replaceAll(' ', '');
  const terms = EQUATION.exec(equation);
  if (!terms) throw layerError(layer, `has the equation "${equation.slice(0, 60)}", expected one such as ab,bc->ac`);
  const [, before = '', input = '', after = '', kernelTerm = '', outBefore = '', output = '', outAfter = ''] = terms;
  const elided = value.shape.length - input.length;
  const isElided = before !== '' || after !== '';
  const fits = isElided ? elided >= 0 && before === outBefore && after === outAfter : elided === 0;
  if (!fits || (before !== '' && after !== '') || (!isElided && (outBefore || outAfter))) {
    throw layerError(
      layer,
      `has the equation "${equation}", which its input of ${value.shape.length} axes does not fit`,
    );
  }
  const first = before === '' ? 0 : elided;
  const sizes = new Map<string, Dim>([...input].map((label, at) => [label, value.shape[first + at]!]));
  const given = layer.weights[0]?.shape ?? [];
  const kernelShape = [...kernelTerm].map((label, at) => {
    const known = sizes.get(label);
    const size = typeof known === 'number' ? known : (given[at] ?? 0);
    sizes.set(label, size);
    return size;
  });
  const rest = before === '' ? value.shape.slice(input.length) : value.shape.slice(0, elided);
  const named = [...output].map((label) => sizes.get(label) ?? null);
  const shape = before === '' ? [...named, ...rest] : [...rest, ...named];
  const hasBias = setting(layer, 'bias_axes') !== undefined;
  const biasShape = layer.weights[1]?.shape ?? [];
  const [kernel, bias] = takeWeights(layer, [
    ['kernel', kernelShape],
    ...(hasBias ? [['bias', biasShape] as const] : []),
  ]);
  const inputs = [value.name, builder.constant('kernel', arrayTensor(kernel!))];
  const name = builder.emit('Einsum', inputs, { equation: text(equation) });
  const product = { name, dtype: 'float32', shape, order: identity(shape.length) } as const;
  if (!bias) return applyActivation(applied, product);
  if (biasShape.length > shape.length)
    throw layerError(layer, `has a bias of ${biasShape.length} axes, expected fewer`);
  const full = [...new Array<number>(shape.length - biasShape.length).fill(1), ...biasShape];
  broadcastShape(layer, shape, full);
  const shifted = builder.emit('Add', [name, broadcastConstant(builder, 'bias', bias, product)]);
  return applyActivation(applied, { ...product, name: shifted });
};

export const EINSUM_LAYERS: LayerRows = {
  EinsumDense: { rule: einsumDense },
};
