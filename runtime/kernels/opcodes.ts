/**
 * Instructions of element-wise programs, and the tile of the matrix product: the constants that the TypeScript and the
 * AssemblyScript halves of the runtime share. Both compilers read this file.
 */

/** Rows of the left factor that a micro-kernel holds in registers; left factors are packed in panels of so many rows. */
export const TILE_ROWS = 4;
/** Columns of the right factor that a micro-kernel holds in registers; right factors are packed in such panels. */
export const TILE_COLUMNS = 8;

/** Most operands, constants and temporaries together that a program may have. */
export const MOST_REGISTERS = 24;

// float32 → float32, two sources
export const ADD = 0;
export const SUB = 1;
export const MUL = 2;
export const DIV = 3;
export const MIN = 4;
export const MAX = 5;
export const POW = 6;
/** Remainder with the sign of the dividend, as C's fmod. */
export const FMOD = 7;
/** Remainder with the sign of the divisor. */
export const MOD = 8;

// float32 → float32, one source
export const NEG = 10;
export const ABS = 11;
export const SQRT = 12;
export const EXP = 13;
export const LOG = 14;
export const TANH = 15;
export const SIGMOID = 16;
export const ERF = 17;
export const CEIL = 18;
export const FLOOR = 19;
/** To the nearest integer, halves to even. */
export const ROUND = 20;
export const SIGN = 21;
export const SIN = 22;
export const COS = 23;
export const TAN = 24;
export const ASIN = 25;
export const ACOS = 26;
export const ATAN = 27;
export const SINH = 28;
export const COSH = 29;
export const ASINH = 30;
export const ACOSH = 31;
export const ATANH = 32;

// float32 → int32: 1 or 0
export const EQ = 40;
export const LT = 41;
export const LE = 42;
export const IS_NAN = 43;

// int32 → int32
export const ADD_INT = 50;
export const SUB_INT = 51;
export const MUL_INT = 52;
/** Truncates; 0 where the divisor is 0. */
export const DIV_INT = 53;
/** Remainder with the sign of the dividend; 0 where the divisor is 0. */
export const FMOD_INT = 54;
/** Remainder with the sign of the divisor; 0 where the divisor is 0. */
export const MOD_INT = 55;
export const MIN_INT = 56;
export const MAX_INT = 57;
export const AND = 58;
export const OR = 59;
export const XOR = 60;
export const SHIFT_LEFT = 61;
/** Fills with zeros. */
export const SHIFT_RIGHT = 62;
/** Fills with the sign. */
export const SHIFT_RIGHT_SIGNED = 63;
export const EQ_INT = 64;
export const LT_INT = 65;
export const LE_INT = 66;

// between types
/** Three sources, any type: the second where the first is not 0, else the third. */
export const SELECT = 70;
export const INT_TO_FLOAT = 71;
/** Truncates; saturates; NaN becomes 0. */
export const FLOAT_TO_INT = 72;

// The header of a program, in words: see `Kernels.elementwise`.
export const PROGRAM_RANK = 0;
export const PROGRAM_OPERANDS = 1;
export const PROGRAM_CONSTANTS = 2;
export const PROGRAM_INSTRUCTIONS = 3;
export const PROGRAM_HEADER = 4;
/** Words of an instruction: opcode, destination register, three source registers. */
export const INSTRUCTION_WORDS = 5;

// Kinds of `Kernels.reduce` and `Kernels.arg`.
export const REDUCE_SUM = 0;
export const REDUCE_MEAN = 1;
export const REDUCE_MAX = 2;
export const REDUCE_MIN = 3;
export const REDUCE_PROD = 4;
export const REDUCE_SUM_SQUARE = 5;

// Kinds of `Kernels.softmax`.
export const SOFTMAX = 0;
export const LOG_SOFTMAX = 1;

// Kinds of `Kernels.pool`.
export const POOL_MAX = 0;
/** Padding does not count. */
export const POOL_AVERAGE = 1;
/** Padding counts as zeros. */
export const POOL_AVERAGE_PADDED = 2;
/** (Σ|x|^p)^(1/p). */
export const POOL_LP = 3;

// Words of the geometry of convolutions: see `Kernels.conv`.
export const CONV_BATCH = 0;
export const CONV_GROUPS = 1;
export const CONV_CHANNELS = 2;
export const CONV_HEIGHT = 3;
export const CONV_WIDTH = 4;
export const CONV_FILTERS = 5;
export const CONV_OUT_HEIGHT = 6;
export const CONV_OUT_WIDTH = 7;
export const CONV_KERNEL_HEIGHT = 8;
export const CONV_KERNEL_WIDTH = 9;
export const CONV_STRIDE_HEIGHT = 10;
export const CONV_STRIDE_WIDTH = 11;
export const CONV_DILATION_HEIGHT = 12;
export const CONV_DILATION_WIDTH = 13;
export const CONV_PAD_TOP = 14;
export const CONV_PAD_LEFT = 15;

// Words of the geometry of matrix products: see `Kernels.matmul`.
export const MATMUL_ROWS = 0;
export const MATMUL_COLUMNS = 1;
export const MATMUL_DEPTH = 2;
export const MATMUL_BATCHES = 3;
export const MATMUL_A_ROW_STRIDE = 4;
export const MATMUL_A_DEPTH_STRIDE = 5;
export const MATMUL_B_DEPTH_STRIDE = 6;
export const MATMUL_B_COLUMN_STRIDE = 7;
/** 1 where `b` is packed in column panels already. */
export const MATMUL_B_PACKED = 8;
export const MATMUL_BIAS_ROW_STRIDE = 9;
export const MATMUL_BIAS_COLUMN_STRIDE = 10;
/** From here on two words a batch: where its `a` and its `b` begin, in elements. */
export const MATMUL_OFFSETS = 11;

// Words of the geometry of pooling windows: see `Kernels.pool`.
export const POOL_PLANES = 0;
/** From here on depth, height, width, and so on for each of the following. */
export const POOL_SIZE = 1;
export const POOL_OUT = 4;
export const POOL_KERNEL = 7;
export const POOL_STRIDE = 10;
export const POOL_DILATION = 13;
export const POOL_PAD_BEGIN = 16;
export const POOL_PAD_END = 19;
export const POOL_KIND = 22;
/** Exponent of Lp pooling. */
export const POOL_P = 23;
/** 1 where indices count columns first (ONNX's `storage_order`). */
export const POOL_COLUMN_MAJOR = 24;

// Words of `Kernels.normalize`.
export const NORMALIZE_ROWS = 0;
export const NORMALIZE_LENGTH = 1;
export const NORMALIZE_ROW_PERIOD = 2;
export const NORMALIZE_ROW_STEP = 3;
export const NORMALIZE_RUN = 4;
/** 1 to divide by the root mean square without taking the mean off (RMSNormalization). */
export const NORMALIZE_RMS = 5;

// How much of its scratch a kernel fills at once.
/** Depth of the blocks that a product is summed in. */
export const MOST_DEPTH = 640;
/** Bytes of packed pixels: they stay in the first level of cache while the weights stream by. */
export const MOST_BLOCK_BYTES = 24576;
/** Bytes of the packed right factor of `Kernels.matmul`: they stay in the second level. */
export const MOST_FACTOR_BYTES = 262144;
/** Bytes of padded input of a convolution, unless one row of output needs more. */
export const BAND_BYTES = 262144;
/** Bytes of products that a transposed convolution adds up at once, unless one row of input has more. */
export const SPREAD_BYTES = 262144;

// Words of the geometry of expansions: see `Kernels.expandProject`.
export const EXPAND_BATCH = 0;
export const EXPAND_RANK = 1;
export const EXPAND_CHANNELS = 2;
/** Of the maps; 1 and the number of pixels where rows need not be told apart. */
export const EXPAND_HEIGHT = 3;
export const EXPAND_WIDTH = 4;
/** 1 to take the largest of every 2×2 pixels; an odd last row or column is left out. */
export const EXPAND_POOLED = 5;
/** Words between the matrices of two samples; 0 where they share one. */
export const EXPAND_MATRIX_STRIDE = 6;
export const EXPAND_OUTPUTS = 7;
/** Words of y between samples, planes and rows, and before the first pixel. */
export const EXPAND_Y_BATCH = 8;
export const EXPAND_Y_PLANE = 9;
export const EXPAND_Y_ROW = 10;
export const EXPAND_Y_START = 11;
/** 1 to add to what is there. */
export const EXPAND_ACCUMULATE = 12;
/** Factors and outputs are padded with zeros to a multiple of this many. */
export const EXPAND_LANES = 4;
