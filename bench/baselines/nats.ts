/**
 * NATS, core and JetStream, with its own client.
 *
 * @module
 */

import { connect, type NatsConnection } from "@nats-io/transport-node";
import { NATS_INSTALL_HINT, natsServer } from "../../tools/nats_server.ts";
import { type Processes, retryUntilReady, type Running } from "../processes.ts";

/** Starts a server with JetStream. */
export function startNats(processes: Processes): Promise<Running> {
  return startNatsWith(processes, ["--store_dir", processes.folder()]);
}

/** Starts a server whose JetStream acknowledges nothing before it is on the disk. */
export function startSyncedNats(processes: Processes): Promise<Running> {
  const folder = processes.folder();
  const path = `${folder}/nats.conf`;
  Deno.writeTextFileSync(path, `jetstream { store_dir: "${folder}", sync_interval: always }\n`);
  return startNatsWith(processes, ["--config", path]);
}

function startNatsWith(processes: Processes, options: readonly string[]): Promise<Running> {
  const args = ["--jetstream", ...options];
  return processes.start(
    natsServer(),
    (port) => ["--addr", "127.0.0.1", "--port", `${port}`, ...args],
    NATS_INSTALL_HINT,
  );
}

/** Connects, once the server listens. */
export function connectNats({ port }: Running): Promise<NatsConnection> {
  return retryUntilReady(() => connect({ servers: `127.0.0.1:${port}`, reconnect: false }));
}

/** One client publishes, others subscribe. Nothing is acknowledged. */
export class NatsCore {
  /**
   * Publishes messages and waits until all have arrived at all subscribers. At most a window of them is in flight to the
   * slowest subscriber: otherwise the server would disconnect a subscriber that falls behind.
   */
  static async stream(
    from: NatsConnection,
    to: readonly NatsConnection[],
    count: number,
    window: number,
    message: string,
  ): Promise<void> {
    const done = Promise.withResolvers<void>();
    let sent = 0;
    let arrived = 0;
    const publish = () => {
      const max = Math.min(count, Math.floor(arrived / to.length) + window);
      while (sent < max) {
        from.publish("core", message);
        sent++;
      }
    };
    const subscriptions = to.map((nats) =>
      nats.subscribe("core", {
        callback(error) {
          if (error) return done.reject(error);
          arrived++;
          if (arrived === count * to.length) done.resolve();
          else if (sent < count && arrived % to.length === 0) publish();
        },
      })
    );
    await Promise.all(to.map((nats) => nats.flush()));
    publish();
    await done.promise;
    for (const subscription of subscriptions) subscription.unsubscribe();
  }
}
