/**
 * Values that the types forbid.
 *
 * @module
 */

/** A value that no typed program would pass. */
// deno-lint-ignore no-explicit-any -- that is the point
export const as = (value: unknown): any => value;
