/**
 * The order of puts whose values take time to validate.
 *
 * @module
 */

import { type DsmqError, withCurrentStack } from "../../protocol/errors.ts";
import { NameMap } from "../../protocol/name_map.ts";
import type { Call } from "../connection_end.ts";
import { type Deferred, deferred } from "../deferred.ts";

/** A put that has not been sent. */
interface Turn {
  readonly topic: string;
  /** How many messages it has. */
  readonly messages: number;
  /** Rejects when the connection ends. */
  readonly ended: Deferred<never>;
}

/** Puts in the order of their calls, for each topic of a connection: a put waits for those before it to be sent. */
export class PutTurns {
  /** For each topic with puts that wait: settled once the last of them is sent, or has failed. */
  readonly #last = new NameMap<Promise<void>>();
  readonly #waiting = new Set<Turn>();
  #messages = 0;
  /** Makes the errors of puts, once the connection has ended. */
  #failure: ((call: Call) => DsmqError) | undefined;

  /** Whether a put into a topic need not wait. */
  isFree(topic: string): boolean {
    return this.#last.size === 0 || !this.#last.has(topic);
  }

  /** How many messages wait to be sent. */
  get messages(): number {
    return this.#messages;
  }

  /** The connection has ended: what waits fails, also if a validator never ends. */
  end(failure: (call: Call) => DsmqError): void {
    this.#failure = failure;
    for (const { topic, ended } of this.#waiting) ended.reject(failure({ action: "put", topic }));
  }

  /**
   * Makes a put in its turn.
   *
   * @param topic the topic
   * @param messages how many messages it has
   * @param ready what the put needs
   * @param put makes it; its outcome is not waited for by the next one
   * @returns the outcome of the put; rejects, and sends nothing, if `ready` rejects
   */
  async run<Ready, Outcome>(
    topic: string,
    messages: number,
    ready: Promise<Ready>,
    put: (ready: Ready) => Promise<Outcome>,
  ): Promise<Outcome> {
    // It may reject while the turn has not come yet.
    ready.catch(() => {});
    if (this.#failure) throw this.#failure({ action: "put", topic });
    const before = this.#last.get(topic);
    const sent = deferred<void>();
    this.#last.set(topic, sent.promise);
    const turn: Turn = { topic, messages, ended: deferred() };
    this.#waiting.add(turn);
    this.#messages += messages;
    let outcome: Promise<Outcome>;
    try {
      outcome = put(await Promise.race([inTurn(before, ready), turn.ended.promise]));
    } catch (error) {
      throw withCurrentStack(error);
    } finally {
      this.#waiting.delete(turn);
      this.#messages -= messages;
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
