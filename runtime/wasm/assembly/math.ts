/**
 * Functions of JavaScript's `Math` that kernels may import from their host: rare ones, whose own code would be large.
 * What no kernel calls is not imported.
 */

export declare function pow(base: f64, exponent: f64): f64;
export declare function exp(x: f64): f64;
export declare function log(x: f64): f64;
export declare function sin(x: f64): f64;
export declare function cos(x: f64): f64;
export declare function tan(x: f64): f64;
export declare function asin(x: f64): f64;
export declare function acos(x: f64): f64;
export declare function atan(x: f64): f64;
export declare function sinh(x: f64): f64;
export declare function cosh(x: f64): f64;
export declare function tanh(x: f64): f64;
export declare function asinh(x: f64): f64;
export declare function acosh(x: f64): f64;
export declare function atanh(x: f64): f64;
