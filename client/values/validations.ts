/**
 * Calls whose values are being validated: the order of their puts, and their end with the connection.
 *
 * @module
 */

import { type DsmqError, withCurrentStack } from "../../protocol/errors.ts";
import { NameMap } from "../../protocol/name_map.ts";
import { abortable } from "../abortable.ts";
import type { PendingPuts } from "../api.ts";
import type { Call } from "../connection_end.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { InFlightRequests } from "../in_flight_requests.ts";

/** A call that waits for a validator. */
interface Waiting {
  readonly call: Call;
  /** Rejects when the connection ends. */
  readonly ended: Deferred<never>;
}

/** What counts and admits the puts of a connection. */
type PutCounter = Pick<InFlightRequests, "acceptance" | "onReserved" | "table">;

/**
 * The calls of a connection that wait for validators. A validator is code of the caller, and may never end: what waits for it
 * ends with the connection, or with the signal of the call.
 */
export class Validations {
  readonly #requests: PutCounter;
  /** For each topic with puts that wait: settled once the last of them is sent, or has failed. */
  readonly #last = new NameMap<Promise<void>>();
  readonly #waiting = new Set<Waiting>();
  /** Makes the errors of calls, once the connection has ended. */
  #failure: ((call: Call) => DsmqError) | undefined;

  /** Begins with none. */
  constructor(requests: PutCounter) {
    this.#requests = requests;
  }

  /** Whether a put into a topic need not wait. */
  isFree(topic: string): boolean {
    return this.#last.size === 0 || !this.#last.has(topic);
  }

  /** The connection has ended: what waits fails, also if a validator never ends. */
  end(failure: (call: Call) => DsmqError): void {
    this.#failure = failure;
    for (const { call, ended } of this.#waiting) ended.reject(failure(call));
  }

  /**
   * Waits for a validator until the connection ends.
   *
   * @param call what waits, for the error
   * @param validating what it waits for
   * @param signal ends waiting, too
   * @param onWaiting is given what else ends it, with that reason
   * @returns what the validator gives; rejects with the error of the end, or the reason
   */
  async until<T>(
    call: Call,
    validating: PromiseLike<T>,
    signal?: AbortSignal,
    onWaiting?: (stop: (reason: unknown) => void) => void,
  ): Promise<T> {
    const ended = deferred<never>();
    const waiting = { call, ended };
    const either = Promise.race([validating, ended.promise]);
    if (this.#failure) ended.reject(this.#failure(call));
    else this.#waiting.add(waiting);
    onWaiting?.(ended.reject);
    try {
      return await (signal ? abortable(either, signal) : either);
    } catch (error) {
      throw withCurrentStack(error);
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /**
   * Makes a put in its turn: those of a topic are made in the order of their calls. Until then it counts as unanswered.
   *
   * @param topic the topic
   * @param size what it holds
   * @param ready what the put needs
   * @param put makes it; its outcome is not waited for by the next one
   * @returns the outcome of the put; rejects, and sends nothing, if `ready` rejects
   */
  async put<Ready, Outcome>(
    topic: string,
    size: PendingPuts,
    ready: Promise<Ready>,
    put: (ready: Ready) => Promise<Outcome>,
  ): Promise<Outcome> {
    // It may reject while the turn has not come yet.
    ready.catch(() => {});
    const call = { action: "put", topic };
    this.#requests.acceptance.require(call);
    const before = this.#last.get(topic);
    const sent = deferred<void>();
    this.#last.set(topic, sent.promise);
    const release = this.#requests.table.pending.reserve(size);
    let outcome: Promise<Outcome>;
    try {
      const value = await this.until(call, inTurn(before, ready));
      release();
      outcome = this.#requests.acceptance.admit(call, () => put(value));
    } finally {
      release();
      this.#requests.onReserved();
      sent.resolve();
      if (this.#last.get(topic) === sent.promise) this.#last.delete(topic);
    }
    return await outcome;
  }
}

async function inTurn<Ready>(before: Promise<void> | undefined, ready: Promise<Ready>) {
  await before;
  return await ready;
}
