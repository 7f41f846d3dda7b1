/**
 * What a server does when its store is behind its log: others may have what it does not.
 *
 * @module
 */

import type { Queue } from "../queue/queue.ts";
import type { Connections } from "./connections.ts";

/**
 * Has clients go to other servers while the store is behind, and tells the operator once each way.
 *
 * @param queue the queue of the store
 * @param connections the connections of the server
 */
export function watchStore(
  { store, log }: Pick<Queue, "store" | "log">,
  connections: Pick<Connections, "behind" | "fallBehind" | "catchUp">,
): void {
  store.watch?.((reason) => {
    // A store may tell a reason twice, or another one.
    if ((reason !== undefined) === (connections.behind !== undefined)) return;
    if (reason === undefined) {
      const message = "is up to date with its log again, and serves";
      log.write({ event: "store_caught_up", message });
      connections.catchUp();
    } else {
      const message = "is behind its log, and has its clients go to other servers";
      log.write({ event: "store_behind", message, reason });
      connections.fallBehind();
    }
  });
}
