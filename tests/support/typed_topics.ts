/**
 * Schemas and connections for tests of typed topics.
 *
 * @module
 */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { connect, type Connection, isDsmqError, type ValueIssue } from "@dsmq/server";
import { openServer } from "./open_server.ts";
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
