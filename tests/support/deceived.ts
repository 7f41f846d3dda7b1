/**
 * A client of a server that lies.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { Scripted } from "./scripted.ts";
import { soon } from "./soon.ts";

/** The server in the hands of the test, and the client. */
export interface Deceived {
  readonly script: Scripted;
  readonly mq: Connection;
}

/** A connection to a server in the hands of the test. */
export async function deceived(): Promise<Deceived> {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial });
  return { script, mq };
}

/** The connection has ended for good, and says why; nothing has come back. */
export async function left({ script, mq }: Deceived): Promise<void> {
  assertEquals([mq.state, script.dialled], ["closed", 1]);
  const error = await assertRejects(() => soon(mq.get("t")), DsmqError);
  assertEquals(error.code, "bad_answer");
  await mq.close();
}
