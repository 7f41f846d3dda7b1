/**
 * A client with room for a few positions, as another one is after 100,000 topics.
 *
 * @module
 */

import type { Connection, ConnectOptions } from "../../client.ts";
import { dialServer } from "../../client/dial_server.ts";
import { DsmqConnection } from "../../client/dsmq_connection.ts";
import { parseOptions } from "../../client/options.ts";
import { ReadPositions } from "../../client/read_positions.ts";
import { ReconnectingClient } from "../../client/reconnecting_client.ts";
import { Bridge, reconnect, type TestServer } from "./bridge.ts";

/** Connects a client to a server. It keeps this many positions of each store. */
export async function pairWithPositions(
  host: TestServer,
  maxPositions: number,
  options: ConnectOptions = { since: "start" },
): Promise<{ bridge: Bridge; mq: Connection }> {
  const bridge = new Bridge(host);
  const target = parseOptions(bridge.url, { dial: bridge.dial, reconnect, ...options });
  const { handshake, plan } = await dialServer(target);
  const client = new ReconnectingClient(handshake, plan);
  Object.assign(client, {
    positions: new ReadPositions(client.welcome, plan.since, maxPositions),
  });
  return { bridge, mq: new DsmqConnection(client) };
}
