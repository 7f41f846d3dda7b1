/**
 * The contract of a store, as tests: a backend proves itself by calling one function.
 *
 * @module
 */

import { requireOptions } from "../../client/require_options.ts";
import { formatValue } from "../../protocol/text.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import type { Store } from "../../stores/store.ts";
import { commands } from "./commands.ts";
import { goingOn } from "./continuations.ts";
import { appending } from "./appends.ts";
import { attributes } from "./attributes.ts";
import { feeding } from "./feeds.ts";
import { goneAndKnown } from "./gaps.ts";
import { ordering } from "./group_keys.ts";
import { keeping } from "./group_lists.ts";
import { continuing } from "./group_restarts.ts";
import { holders } from "./group_holders.ts";
import { working } from "./groups.ts";
import { messageIds } from "./message_ids.ts";
import { lasting } from "./retention.ts";
import { limited } from "./limits.ts";
import { once } from "./dedup.ts";
import { purging } from "./purges.ts";
import { changingPrefixes } from "./prefix_changes.ts";
import { prefixed } from "./prefixes.ts";
import { reading } from "./reads.ts";
import { repeatedIds } from "./repeated_ids.ts";
import { reopening } from "./reopenings.ts";
import { restarting } from "./restarts.ts";
import { sessions } from "./sessions.ts";
import { type Promises, RETENTION } from "./support.ts";
import { countingTopics } from "./topic_counts.ts";
import { topics } from "./topics.ts";
import { ignoredIf } from "../ignored_if.ts";
import { ManualClock } from "../manual_clock.ts";

const PROMISES = {
  ...appending,
  ...commands,
  ...reading,
  ...lasting,
  ...topics,
  ...countingTopics,
  ...prefixed,
  ...changingPrefixes,
  ...purging,
  ...feeding,
  ...once,
  ...sessions,
  ...limited,
  ...goneAndKnown,
  ...attributes,
  ...messageIds,
  ...repeatedIds,
  ...working,
  ...holders,
  ...ordering,
  ...keeping,
};

/** How a store is opened. */
export interface Opening {
  /** How long messages are kept, in milliseconds. */
  readonly retention: number;
  /** The store's clock. */
  readonly clock: ManualClock;
  /** The limits that it has, where they are not the defaults. */
  readonly limits: Partial<StoreLimits>;
  /** A name. Opening it again after a close finds the same store, if the store outlives its process. */
  readonly location: string;
}

/** What to test of a backend. */
export interface Proofs {
  /** Why this backend cannot be tested on this machine. */
  readonly ignore?: string | undefined;
  /**
   * The store outlives its process: restarts change nothing; with `true` but that an epoch begins, and leases and sessions begin anew, with
   * `"nothing begins"` not even that. Default: `false`.
   */
  readonly restarts?: boolean | "nothing begins";
}

let locations = 0;

/**
 * Registers one test for each promise of the {@linkcode Store} contract.
 *
 * @param name the name of the backend
 * @param open opens a store; in a new place, an empty one
 * @param proofs see {@linkcode Proofs}
 * @throws {TypeError} if an argument is of the wrong type
 *
 * @example A store of your own that outlives its process
 * ```ts ignore
 * import { testStore } from "@dsmq/server/testing";
 * import { MyStore } from "./my_store.ts";
 *
 * testStore("my store", ({ location, retention, clock, limits }) => {
 *   return MyStore.open({ name: location, retention, clock, limits });
 * }, { restarts: true });
 * ```
 */
export function testStore(
  name: string,
  open: (opening: Opening) => Promise<Store>,
  proofs: Proofs = {},
): void {
  requireType("name", "a text", name, typeof name === "string");
  requireType("open", "a function", open, typeof open === "function");
  requireOptions("test a store", proofs, ["ignore", "restarts"]);
  const { ignore, restarts = false } = proofs;
  const isReason = ignore === undefined || typeof ignore === "string";
  requireType("ignore", "a text, the reason", ignore, isReason);
  const isKnown = typeof restarts === "boolean" || restarts === "nothing begins";
  requireType("restarts", 'true, false or "nothing begins"', restarts, isKnown);
  const register = (name: string, promises: Promises, restarts: boolean) => {
    for (const [promise, prove] of Object.entries(promises)) {
      Deno.test({
        ...ignoredIf(ignore, `${name}: ${promise}`),
        async fn() {
          await using one = await OneStore.open(open, restarts);
          const { store, clock } = one;
          await prove({
            store,
            clock,
            another: (limits, clock) => one.another(limits, clock),
            limited: (limits) => one.limited(limits),
            next: () => one.next(),
          });
        },
      });
    }
  };
  register(name, PROMISES, false);
  if (!restarts) return;
  const atOpening = restarts === true ? reopening : goingOn;
  register(name, { ...restarting, ...continuing, ...atOpening }, true);
  register(`${name}, restarted between the steps`, {
    ...once,
    ...sessions,
    ...limited,
    ...goneAndKnown,
    ...attributes,
    ...purging,
    ...messageIds,
    ...repeatedIds,
  }, true);
}

function requireType(name: string, expected: string, value: unknown, isValid: boolean): void {
  if (isValid) return;
  throw new TypeError(
    `Cannot test a store: ${name} must be ${expected}, got ${formatValue(value)}`,
  );
}

/** A store, and how to restart it. */
class OneStore implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly #open: (opening: Opening) => Promise<Store>;
  readonly #restarts: boolean;
  #location = `${++locations}`;
  #limits: Partial<StoreLimits> = {};
  #store: Store | undefined;

  private constructor(open: (opening: Opening) => Promise<Store>, restarts: boolean) {
    this.#open = open;
    this.#restarts = restarts;
  }

  static async open(open: (opening: Opening) => Promise<Store>, restarts: boolean) {
    const one = new OneStore(open, restarts);
    await one.limited({});
    return one;
  }

  get store(): Store {
    return this.#store!;
  }

  another(limits: Partial<StoreLimits> = {}, clock = this.clock): Promise<Store> {
    return this.#open({ retention: RETENTION, clock, limits, location: `${++locations}` });
  }

  async limited(limits: Partial<StoreLimits>): Promise<Store> {
    this.#limits = limits;
    this.#location = `${++locations}`;
    return await this.#again();
  }

  async next(): Promise<Store> {
    return this.#restarts ? await this.#again() : this.store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
  }

  async #again(): Promise<Store> {
    await this.#store?.[Symbol.asyncDispose]();
    const [limits, location] = [this.#limits, this.#location];
    return this.#store = await this.#open({
      retention: RETENTION,
      clock: this.clock,
      limits,
      location,
    });
  }
}
