/**
 * Schemas and connections for tests of typed topics.
 *
 * @module
 */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { assertEquals } from "@std/assert";
import { connect, type Connection, isDsmqError, type ValueIssue } from "@dsmq/server";
import { inVirtualTime } from "./in_virtual_time.ts";
import { openServer } from "./open_server.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { withTimeout } from "./with_timeout.ts";

/** A connection to a server of its own. */
export async function connected(): Promise<{ mq: Connection } & AsyncDisposable> {
  const server = await openServer();
  const mq = await connect(server.url);
  return {
    mq,
    async [Symbol.asyncDispose]() {
      await mq.close();
      await server.shutdown();
    },
  };
}

/** What is wrong with a value, as `path: message`, if a call fails because of it. */
export async function issuesOf(call: Promise<unknown>): Promise<readonly string[] | "none"> {
  const error: unknown = await withTimeout(call).then(() => undefined, (error) => error);
  if (error === undefined) return "none";
  if (!isDsmqError(error, "invalid_value")) throw error;
  return error.issues.map(({ path, message }: ValueIssue) =>
    `${path.map(String).join(".")}: ${message}`
  );
}

/** A schema that a test controls, in the form of arktype's: a function. */
export function functionSchema<Output, Input = Output>(
  validate: StandardSchemaV1.Props<Input, Output>["validate"],
): StandardSchemaV1<Input, Output> {
  return Object.assign((value: unknown) => validate(value), {
    "~standard": { version: 1 as const, vendor: "a test", validate },
  });
}

/** A server that stores what is put, until its test ends. */
export class StoringServer extends ScriptedServer {
  /** What is stored, as `topic=body`. */
  readonly stored: string[] = [];

  /** Answers puts, and nothing else. */
  constructor() {
    super();
    void (async () => {
      for (;;) {
        const { id, topic, body, bodies = [body] } = await this.next();
        const seqs = bodies.map((one: string) => this.stored.push(`${topic}=${one}`));
        await this.send({ id, seqs });
      }
    })();
  }
}

/** A connection in virtual time. */
export function connectedInVirtualTime(
  work: (mq: Connection, server: StoringServer) => Promise<void>,
): Promise<void> {
  return inVirtualTime(async () => {
    const server = new StoringServer();
    await using mq = await connect(server.url, { dial: server.dial });
    await work(mq, server);
    assertEquals(mq.pending, { messages: 0, bytes: 0 });
  });
}
