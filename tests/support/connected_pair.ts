/**
 * A client and a server joined by a bridge, and the breaks that many tests repeat.
 *
 * @module
 */

import type { ServerContext } from "../../connection/server_context.ts";
import { connect, type Connection, type ConnectOptions } from "@dsmq/server";
import { Bridge, reconnect, settled, type TestServer, turns, until } from "./bridge.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";
import { withTimeout } from "./with_timeout.ts";

/** How often the server sends a heartbeat to a client that did not ask for another interval, in milliseconds. */
const HEARTBEAT = 10_000;

/** Connects a client to a server. */
export async function connectedPair(
  host: TestServer,
  options: ConnectOptions = {},
): Promise<{ bridge: Bridge; mq: Connection }> {
  const bridge = new Bridge(host);
  const mq = await connect(bridge.url, { dial: bridge.dial, reconnect, ...options });
  return { bridge, mq };
}

/** Cuts the connection, and waits until the client has reconnected; to another server, if one is given. */
export async function reconnectTo(
  bridge: Bridge,
  mq: Connection,
  host = bridge.host!,
): Promise<void> {
  disconnect(bridge);
  await letReconnect(bridge, mq, host);
}

/** Cuts the connection; there is no server until there is a host again. */
export function disconnect(bridge: Bridge): void {
  bridge.host = undefined;
  bridge.cut();
}

/** Lets a client reconnect to a server. */
export async function letReconnect(
  bridge: Bridge,
  mq: Connection,
  host: ServerContext,
): Promise<void> {
  const { dials } = bridge;
  bridge.host = host;
  await until(() => bridge.dials > dials && mq.status === "connected");
}

/** The text of the next message of a stream, or its error. */
export async function nextBody(
  stream: AsyncIterator<{ body: string }, undefined>,
): Promise<string> {
  const result = await settled(stream.next());
  return typeof result === "string" ? result : result.value?.body ?? "(is done)";
}

/** Lets a heartbeat become due on each connection; takes 10 s of the clock. */
export function heartbeat(clock: ManualClock): void {
  for (let part = 0; part < 16; part++) clock.advance(HEARTBEAT / 16);
}

/** Lets time pass (ms, longer than a heartbeat) while the client is connected and answers its heartbeats. */
export async function passTime(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += HEARTBEAT) {
    heartbeat(clock);
    await turns(5);
  }
}

/** Closes the client, then the servers. */
export async function closeAll(mq: Connection, ...hosts: TestServer[]): Promise<void> {
  await withTimeout(mq.close());
  for (const host of hosts) await host[Symbol.asyncDispose]();
}
