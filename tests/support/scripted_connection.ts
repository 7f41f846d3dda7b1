/**
 * A client of a server that the test controls.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, type ConnectOptions, DsmqError } from "@dsmq/server";
import { reconnect } from "./bridge.ts";
import { ScriptedServer, WELCOME } from "./scripted_server.ts";
import { withTimeout } from "./with_timeout.ts";

/** The server controlled by the test, and the client. */
export interface ScriptedConnection {
  readonly script: ScriptedServer;
  readonly mq: Connection;
}

/** The answer to hello of a server that knows the session. */
export const WELCOME_KNOWN = { ...WELCOME, dedupComplete: true };

/** A connection to a server that the test controls. */
export async function connectScripted(options: ConnectOptions = {}): Promise<ScriptedConnection> {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, ...options });
  return { script, mq };
}

/** A connection to such a server, which knows its session; it reconnects at once. */
export async function connectKnown(options: ConnectOptions = {}): Promise<ScriptedConnection> {
  const script = new ScriptedServer();
  script.welcome = WELCOME_KNOWN;
  const mq = await connect(script.url, { dial: script.dial, reconnect, ...options });
  return { script, mq };
}

/** The connection has ended for good, with the reason; it does not reconnect. */
export async function assertProtocolError({ script, mq }: ScriptedConnection): Promise<void> {
  assertEquals([mq.status, script.dials], ["closed", 1]);
  const error = await assertRejects(() => withTimeout(mq.get("t")), DsmqError);
  assertEquals(error.code, "protocol_error");
  await mq.close();
}
