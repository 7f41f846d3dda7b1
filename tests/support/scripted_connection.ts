/**
 * A client of a server that sends false answers.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { ScriptedServer } from "./scripted_server.ts";
import { withTimeout } from "./with_timeout.ts";

/** The server controlled by the test, and the client. */
export interface ScriptedConnection {
  readonly script: ScriptedServer;
  readonly mq: Connection;
}

/** A connection to a server that the test controls. */
export async function connectScripted(): Promise<ScriptedConnection> {
  const script = new ScriptedServer();
  const mq = await connect({ dial: script.dial });
  return { script, mq };
}

/** The connection has ended for good, with the reason; it does not reconnect. */
export async function assertProtocolError({ script, mq }: ScriptedConnection): Promise<void> {
  assertEquals([mq.status, script.dials], ["closed", 1]);
  const error = await assertRejects(() => withTimeout(mq.get("t")), DsmqError);
  assertEquals(error.code, "protocol_error");
  await mq.close();
}
