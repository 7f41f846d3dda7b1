/**
 * A conformance run: whether a server keeps the promises of the protocol, tested from outside.
 *
 * @module
 */

import type { Address } from "../../client/addresses.ts";
import {
  LimitError,
  parseRun,
  requireAdmission,
  type WireOptions,
  type WireRun,
} from "./arguments.ts";
import { attributes } from "./attributes.ts";
import { basics } from "./basics.ts";
import type { Wire, WireChecks } from "./checks.ts";
import { messages } from "./messages.ts";
import { positions } from "./positions.ts";
import { streamContents } from "./stream_contents.ts";
import { streams } from "./streams.ts";
import { ConnectionLimitError, WireConnection } from "./wire_connection.ts";
import { workerLeases } from "./worker_leases.ts";
import { workers } from "./workers.ts";

/** The checks of version 1 of the protocol, by the sentences that they prove. */
export const WIRE_CHECKS: WireChecks = {
  ...basics,
  ...messages,
  ...positions,
  ...attributes,
  ...streams,
  ...streamContents,
  ...workers,
  ...workerLeases,
};

/** The result of a check. */
export interface WireResult {
  /** The sentence that it proves. */
  readonly check: string;
  /** Why it failed; absent if it holds. */
  readonly error?: Error;
}

/**
 * Checks a running server, one promise after another.
 *
 * @param address the address of the server, as `connect` takes it, but only one. Messages are put into it, which expire by themselves, as do the groups that are made
 * @param options see {@linkcode WireOptions}
 * @returns the result of each check
 * @throws {TypeError} if the address or an option is of the wrong type
 * @throws {RangeError} if the address or an option cannot be used, also with this server: one that refuses the token, has shorter topics, or has a limit that refuses what a check needs
 * @throws {Error} if the server cannot be reached
 *
 * @example A server of your own
 * ```ts
 * import { serve } from "@dsmq/server";
 * import { checkServer } from "@dsmq/server/testing";
 *
 * await using server = await serve({ port: 0 });
 * for (const { check, error } of await checkServer(server.url)) {
 *   if (error) console.error(`${check}: ${error.message}`);
 * }
 * ```
 */
export async function checkServer(
  address: Address,
  options: WireOptions = {},
): Promise<readonly WireResult[]> {
  const parsed = parseRun(address, options, WIRE_CHECKS);
  await requireAdmission(parsed);
  const results: WireResult[] = [];
  for (const [check, prove] of Object.entries(parsed.checks)) {
    try {
      await run(parsed, check, prove);
      results.push({ check });
    } catch (error) {
      // No promise is broken. All that is refused by the same limit would say the same.
      if (error instanceof LimitError) throw error;
      results.push({ check, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return results;
}

/**
 * Registers one test for each promise that a running server must keep.
 *
 * @param address the address of the server, as `connect` takes it, but only one
 * @param options see {@linkcode WireOptions}
 * @throws {TypeError} if the address or an option is of the wrong type
 * @throws {RangeError} if the address or an option cannot be used. What only the server can tell of the options makes each test fail
 *
 * @example A server that runs already
 * ```ts ignore
 * import { testServer } from "@dsmq/server/testing";
 *
 * testServer("ws://127.0.0.1:30008");
 * ```
 */
export function testServer(address: Address, options: WireOptions = {}): void {
  const parsed = parseRun(address, options, WIRE_CHECKS);
  let admission: Promise<void> | undefined;
  for (const [check, prove] of Object.entries(parsed.checks)) {
    Deno.test(`${parsed.shownAddress}: ${check}`, async () => {
      await (admission ??= requireAdmission(parsed));
      await run(parsed, check, prove);
    });
  }
}

let topics = 0;

async function run(
  { address, token, prefix }: WireRun,
  check: string,
  prove: (wire: Wire) => Promise<void>,
): Promise<void> {
  await using connections = new AsyncDisposableStack();
  const opened: WireConnection[] = [];
  const connect = async (offers: boolean) => {
    const connection = await WireConnection.open({ url: address, token, offers });
    opened.push(connection);
    return connections.use(connection);
  };
  try {
    await prove({
      connect: () => connect(true),
      connect1x: () => connect(false),
      topic: (name = "t") => `${prefix}${crypto.randomUUID()}.${++topics}.${name}`,
    });
  } catch (error) {
    // A check may also want a refusal: only one that fails is looked at.
    const refusal = error instanceof ConnectionLimitError
      ? error.message
      : opened.find(({ limited }) => limited !== undefined)?.limited;
    throw refusal === undefined ? error : new LimitError(`"${check}"`, refusal);
  }
}
