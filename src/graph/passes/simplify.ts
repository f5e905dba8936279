/**
 * The passes in the order in which they help each other.
 */
import type { Model } from '../graph.ts';
import { foldAffine } from './fold-affine.ts';
import { type Evaluate, foldConstants, type Unfolded } from './fold-constants.ts';
import { foldPads } from './fold-pad.ts';
import { foldShapes } from './fold-shapes.ts';
import { removeImpliedAttributes } from './implicit-attributes.ts';
import { dropInitializerInputs, inlineConstants } from './inline-constants.ts';
import { mergeReshapes } from './merge-reshapes.ts';
import { mergeTransposes } from './merge-transposes.ts';
import { type Normalization, normalizeOpset } from './normalize-opset.ts';
import { removeDeadCode } from './remove-dead-code.ts';
import { removeNoOps } from './remove-no-ops.ts';
import { shareConstants } from './share-constants.ts';
import { sortNodes } from './sort-nodes.ts';

export interface SimplifyOptions {
  /** Evaluates constant parts; without it they stay, but for what shape inference knows. */
  evaluate?: Evaluate;
  /** Called after each round of passes with the number of nodes. */
  onProgress?: (nodes: number) => void;
}

export interface Simplification {
  /** Whether the model is of an opset that the operator table describes, and if not, why. */
  readonly normalization: Normalization;
  /** Constants that could not be evaluated. */
  readonly unfolded: readonly Unfolded[];
}

/** What holds in every opset. */
const BASIC_PASSES = [removeNoOps, foldAffine, removeDeadCode];

/** What reads operators as the operator table has them. */
const ALL_PASSES = [removeNoOps, mergeTransposes, mergeReshapes, foldPads, foldAffine, removeDeadCode];

/** Rounds of the passes; each round that changes anything makes the graph smaller, and real models need three. */
const MOST_ROUNDS = 20;

/**
 * Simplifies the main graph of `model` in place: it computes the same outputs from the same inputs (initialisers that
 * were inputs too are constants from then on), up to the rounding of weights that norms were folded into. Throws
 * `FormatError` where the graph contradicts itself (see `sortNodes`).
 */
export async function simplify(model: Model, options: SimplifyOptions = {}): Promise<Simplification> {
  const { evaluate, onProgress } = options;
  sortNodes(model);
  dropInitializerInputs(model);
  inlineConstants(model);
  const normalization = normalizeOpset(model);
  let unfolded: readonly Unfolded[] = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let changes = foldShapes(model);
    if (evaluate) {
      const folding = await foldConstants(model, evaluate);
      changes += folding.folded;
      unfolded = folding.unfolded;
    }
    for (const pass of normalization.normalized ? ALL_PASSES : BASIC_PASSES) changes += pass(model);
    onProgress?.(model.graph.nodes.length);
    if (changes === 0) break;
  }
  if (normalization.normalized) removeImpliedAttributes(model);
  shareConstants(model);
  return { normalization, unfolded };
}
