/**
 * The order of puts whose values take time to validate.
 *
 * @module
 */

import { withCurrentStack } from "../../protocol/errors.ts";
import { NameMap } from "../../protocol/name_map.ts";
import { deferred } from "../deferred.ts";

/** Puts in the order of their calls, for each topic of a connection: a put waits for those before it to be sent. */
export class PutTurns {
  /** For each topic with puts that wait: settled once the last of them is sent, or has failed. */
  readonly #last = new NameMap<Promise<void>>();

  /** Whether a put into a topic need not wait. */
  isFree(topic: string): boolean {
    return this.#last.size === 0 || !this.#last.has(topic);
  }

  /**
   * Makes a put in its turn.
   *
   * @param topic the topic
   * @param ready what the put needs
   * @param put makes it; its outcome is not waited for by the next one
   * @returns the outcome of the put; rejects, and sends nothing, if `ready` rejects
   */
  async run<Ready, Outcome>(
    topic: string,
    ready: Promise<Ready>,
    put: (ready: Ready) => Promise<Outcome>,
  ): Promise<Outcome> {
    const before = this.#last.get(topic);
    const sent = deferred<void>();
    this.#last.set(topic, sent.promise);
    // It may reject while the turn has not come yet.
    ready.catch(() => {});
    let outcome: Promise<Outcome>;
    try {
      await before;
      outcome = put(await ready);
    } catch (error) {
      throw withCurrentStack(error);
    } finally {
      sent.resolve();
      if (this.#last.get(topic) === sent.promise) this.#last.delete(topic);
    }
    return await outcome;
  }
}
