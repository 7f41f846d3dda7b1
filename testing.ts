/**
 * For tests: the contract of a store, and a clock that stands still until a test moves it.
 *
 * @module
 */

export { ManualClock } from "./testing/manual_clock.ts";
export { type Opening, type Proofs, testStore } from "./testing/store/contract.ts";
export type { Store } from "./stores/store.ts";
export type { StoreLimits } from "./stores/store_limits.ts";
