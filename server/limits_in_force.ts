/**
 * The limits of a server: some are those of the log that it shares, which another server may change.
 *
 * @module
 */

import type { Limits } from "../protocol/client_limits.ts";
import { clientLimits } from "../protocol/frame_sizes.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import type { Queue } from "../queue/queue.ts";

/** What it needs of the store. */
type LimitedStore = Pick<Queue["store"], "limits" | "largestBytes">;

/** The options of a server, with what the store has instead. */
export class LimitsInForce {
  readonly #options: ServerLimits;
  readonly #store: LimitedStore;
  #ofStore: LimitedStore["limits"];
  #all: ServerLimits;
  #ofClients: Limits;

  /** Takes the limits of the options, and the store. */
  constructor(options: ServerLimits, store: LimitedStore) {
    this.#options = options;
    this.#store = store;
    this.#all = options;
    this.#ofClients = clientLimits(options, store.largestBytes);
  }

  /** All of them. */
  get all(): ServerLimits {
    this.#update();
    return this.#all;
  }

  /** Those that clients are told. */
  get ofClients(): Limits {
    this.#update();
    return this.#ofClients;
  }

  #update(): void {
    const { limits, largestBytes } = this.#store;
    if (limits === undefined || limits === this.#ofStore) return;
    this.#ofStore = limits;
    const { storedBytes, topics, groups, dedupWindow: inFlight } = limits;
    this.#all = { ...this.#options, storedBytes, topics, groups, inFlight };
    this.#ofClients = clientLimits(this.#all, largestBytes);
  }
}
