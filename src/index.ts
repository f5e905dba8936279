/**
 * The public API of the converter. The runtime has entries of its own: `fqz/runtime` and `fqz/ort`.
 */
export { isFqz, layerEnds, type ReadArchive, readFqz } from '../formats/fqz/read.ts';
export { type WriteOptions, type WrittenArchive, writeFqz } from '../formats/fqz/write.ts';
export { readKerasFile } from '../formats/keras/file.ts';
export { type KerasSource, type ReadKerasOptions, readKeras } from '../formats/keras/read.ts';
export { readOnnxFile } from '../formats/onnx/file.ts';
export { type ReadOnnxOptions, readOnnx } from '../formats/onnx/read.ts';
export { writeOnnx } from '../formats/onnx/write.ts';
export { type Budget, divergenceBudget, dropBudget } from './budget.ts';
export {
  CALIBRATION_DEFAULTS,
  type CalibrationData,
  type CalibrationDataOptions,
  onnxruntimeCalibration,
  onnxruntimeExecute,
} from './calibration-data.ts';
export type { Archive, ArchiveGraph, Layer, Refinement, StoredWeight } from './codec/archive.ts';
export { expandNetwork } from './codec/expand.ts';
export type { CosineOperand, FloatOperand, Operand, QuantizedOperand, TensorNetwork } from './codec/network.ts';
export { checkNetwork, dctNetwork, plainNetwork } from './codec/network.ts';
export { type ConvertReport, convert, type TensorReport } from './convert.ts';
export { CONVERT_DEFAULTS, type ConvertOptions, type ConvertProgress } from './convert-options.ts';
export { openDataset } from './data/data-spec.ts';
export { FormatError, UnsupportedError } from './errors.ts';
export { type EvaluateOptions, type Evaluation, evaluate } from './evaluate.ts';
export { onnxruntimeEvaluate } from './evaluate-constants.ts';
export type { TrainingBatch, TrainingData } from './fit/data.ts';
export { type FitResult, type FittedTensor, fit } from './fit/fit.ts';
export type { FitProgress } from './fit/loop.ts';
export { FIT_DEFAULTS, type FitOptions, type FitSnapshot } from './fit/options.ts';
export type { Attribute, Dim, Graph, Model, Node, Value } from './graph/graph.ts';
export type { Evaluate } from './graph/passes/fold-constants.ts';
export { PREPARATION_DEFAULTS, type Preparation } from './graph/preparation.ts';
export { float32Tensor, numericTensor, type Tensor } from './graph/tensor.ts';
export { type InspectedLayer, type InspectedTensor, type Inspection, inspectArchive, inspectModel } from './inspect.ts';
export { noiseCalibration } from './noise-calibration.ts';
export { type OnnxSession, type OpenOptions, openOnnx } from './onnxruntime.ts';
export { type TrainingDataOptions, trainingData } from './training-data.ts';
export { type Form, UNPACK_DEFAULTS, type UnpackOptions, unpack } from './unpack.ts';
export { type Verification, type VerifyOptions, verify } from './verify.ts';
