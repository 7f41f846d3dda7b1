/**
 * Chance that a failing test can repeat.
 *
 * @module
 */

/** Whole numbers from 0 to below a bound. */
export type Random = (below: number) => number;

/** Numbers that look random and are the same in every run (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
