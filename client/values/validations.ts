/**
 * Calls whose values are being validated: the order of their puts, and their end with the connection.
 *
 * @module
 */

import { type DsmqError, withCurrentStack } from "../../protocol/errors.ts";
import { NameMap } from "../../protocol/name_map.ts";
import { abortable } from "../abortable.ts";
import type { PendingPuts } from "../api.ts";
import type { CallDeadline, CallDeadlines } from "../call_deadlines.ts";
import type { Call } from "../connection_end.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { InFlightRequests } from "../in_flight_requests.ts";
import type { Misfit } from "./invalid_value.ts";

/**
 * No call waits longer than this for code that an earlier call waits for, in milliseconds. That code may wait for the later call,
 * which nothing but a runtime with asynchronous contexts could tell from two calls that have nothing to do with each other.
 */
export const MAX_WAIT_FOR_TURN = 10_000;

/** Why a value is refused whose validator others have waited for. */
const TOO_LONG: Misfit = tookTooLong(
  "a later put of the topic waits for it (a validator must not wait for puts of its own topic)",
);

/** A call that waits for a validator. */
interface Waiting {
  readonly call: Call;
  /** Rejects when the connection ends. */
  readonly ended: Deferred<never>;
}

/**
 * The place of a put in the order of its topic: its values are being validated, or it waits for those before it. It ends
 * when the put has been sent, or will send nothing.
 */
class Turn {
  #before: Turn | undefined;
  #after: Turn | undefined;
  readonly #come = deferred<void>();
  readonly #tooLong = deferred<Misfit>();

  /** The last of all, behind the one that was. */
  constructor(before: Turn | undefined) {
    this.#before = before;
    if (before) before.#after = this;
    else this.#come.resolve();
  }

  /** The one that it waits for. */
  get before(): Turn | undefined {
    return this.#before;
  }

  /** Resolves once none is before it, or it has ended. */
  get come(): Promise<void> {
    return this.#come.promise;
  }

  /** Resolves if its validators are waited for no longer. */
  get tooLong(): Promise<Misfit> {
    return this.#tooLong.promise;
  }

  /** Its validators are waited for no longer, if they have not ended. */
  giveUp(): void {
    this.#tooLong.resolve(TOO_LONG);
  }

  /** The one behind it waits for the one before it, if there is any. It may end twice. */
  end(): void {
    const [before, after] = [this.#before, this.#after];
    this.#before = this.#after = undefined;
    if (before) before.#after = after;
    if (after) {
      after.#before = before;
      if (!before) after.#come.resolve();
    }
    this.#come.resolve();
  }
}

/** What counts and admits the puts of a connection. */
type PutCounter = Pick<InFlightRequests, "acceptance" | "onReserved" | "table">;

/**
 * The calls of a connection that wait for validators. A validator is code of the caller, and may never end: what waits for it
 * ends with the connection, or with the signal of the call.
 */
export class Validations {
  readonly #requests: PutCounter;
  readonly #deadlines: CallDeadlines;
  /** For each topic with puts that wait: the last of them. */
  readonly #last = new NameMap<Turn>();
  readonly #waiting = new Set<Waiting>();
  /** Makes the errors of calls, once the connection has ended. */
  #failure: ((call: Call) => DsmqError) | undefined;

  /** Begins with none. */
  constructor(requests: PutCounter, deadlines: CallDeadlines) {
    this.#requests = requests;
    this.#deadlines = deadlines;
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
   * Makes a put in its turn: those of a topic are made in the order of their calls. Until then it counts as unanswered. One that
   * will send nothing is in nobody's way: it rejects as soon as `validate` does, and none waits for it.
   *
   * @param topic the topic
   * @param size what it holds
   * @param validate gives what the put needs; if the promise that it gets resolves, it waits no longer. It may call the function
   *   once it is known that it will reject
   * @param put makes it; its outcome is not waited for by the next one
   * @returns the outcome of the put; rejects, and sends nothing, if `validate` rejects
   */
  async put<Ready, Outcome>(
    topic: string,
    size: PendingPuts,
    validate: (tooLong: Promise<Misfit>, onUnfit: () => void) => Promise<Ready>,
    put: (ready: Ready) => Promise<Outcome>,
  ): Promise<Outcome> {
    const call = { verb: "put", topic };
    this.#requests.acceptance.require(call);
    const turn = new Turn(this.#last.get(topic));
    this.#last.set(topic, turn);
    const endTurn = () => {
      if (this.#last.get(topic) === turn) {
        if (turn.before) this.#last.set(topic, turn.before);
        else this.#last.delete(topic);
      }
      turn.end();
    };
    const ready = validate(turn.tooLong, endTurn);
    const release = this.#requests.table.pending.reserve(size);
    let outcome: Promise<Outcome>;
    try {
      const value = await this.until(call, this.#inTurn(turn, ready));
      release();
      outcome = this.#requests.acceptance.admit(call, () => put(value));
    } finally {
      release();
      this.#requests.onReserved();
      endTurn();
    }
    return await outcome;
  }

  async #inTurn<Ready>(turn: Turn, ready: Promise<Ready>): Promise<Ready> {
    if (turn.before) void turn.come.then(this.limit(() => turn.before?.giveUp()));
    const [value] = await Promise.all([ready, turn.come]);
    return value;
  }

  /** Calls back once a call has waited for its turn as long as it may. Returns what cancels that. */
  limit(onTooLong: () => void): () => void {
    // What waits ends by itself then, and a timer would keep the program alive.
    if (this.#failure) return () => {};
    const cancel = () => this.#deadlines.delete(deadline);
    const deadline: CallDeadline = {
      end: this.#deadlines.now + MAX_WAIT_FOR_TURN,
      onDeadline() {
        cancel();
        onTooLong();
      },
    };
    this.#deadlines.add(deadline);
    return cancel;
  }
}

/** Why a value is refused whose validator takes too long, because of what waits for it. */
export function tookTooLong(because: string): Misfit {
  const message = `the schema failed: it took longer than ${
    MAX_WAIT_FOR_TURN / 1000
  } s, and ${because}`;
  return { issues: [{ path: [], message }] };
}
