/**
 * Helpers for the tests of tokens.
 *
 * @module
 */

import { assertRejects } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { UPGRADE } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** An upgrade with our subprotocol, with a token or without. */
export function headers(port: number, token?: string): Record<string, string | undefined> {
  return {
    ...UPGRADE,
    "Host": `127.0.0.1:${port}`,
    "Sec-WebSocket-Protocol": "dsmq",
    "Authorization": token && `Bearer ${token}`,
  };
}

/** The error that a promise rejects with. */
export async function failure(work: Promise<unknown>): Promise<DsmqError> {
  return await assertRejects(() => withTimeout(work), DsmqError);
}

/** As `onRetry`: ends `connect` with the error of its first attempt, however long that takes. */
export function giveUp(error: DsmqError): never {
  throw error;
}
