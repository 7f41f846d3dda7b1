/**
 * A conformance run: whether a server keeps the promises of the protocol, tested from outside.
 *
 * @module
 */

import { isOptions } from "../../protocol/option_kinds.ts";
import { formatValue } from "../../protocol/text.ts";
import { attributes } from "./attributes.ts";
import { basics } from "./basics.ts";
import type { Wire, WireChecks } from "./checks.ts";
import { messages } from "./messages.ts";
import { streams } from "./streams.ts";
import { WireConnection } from "./wire_connection.ts";

/** The checks of version 1 of the protocol, by the sentences that they prove. */
export const WIRE_CHECKS: WireChecks = { ...basics, ...messages, ...attributes, ...streams };

/** How to test a server. */
export interface WireOptions {
  /** A token that may read and write, if the server requires one. */
  readonly token?: string;
  /** The beginning of all topics that are used, for servers that permit only some. Default: `"conformance."`. */
  readonly prefix?: string;
  /** The checks. Default: {@linkcode WIRE_CHECKS}. */
  readonly checks?: WireChecks;
}

/** The result of a check. */
export interface WireResult {
  /** The sentence that it proves. */
  readonly check: string;
  /** Why it failed; absent if it holds. */
  readonly error?: Error;
}

const OPTION_NAMES = ["token", "prefix", "checks"];

/**
 * Checks a running server, one promise after another.
 *
 * @param url the address of the server, such as `ws://127.0.0.1:30008`. Messages are put into it, which expire by themselves
 * @param options see {@linkcode WireOptions}
 * @returns the result of each check
 * @throws {TypeError} if the address or an option is invalid
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
  url: string | URL,
  options: WireOptions = {},
): Promise<readonly WireResult[]> {
  const address = requireArguments(url, options);
  const results: WireResult[] = [];
  for (const [check, prove] of Object.entries(options.checks ?? WIRE_CHECKS)) {
    try {
      await run(address, options, prove);
      results.push({ check });
    } catch (error) {
      results.push({ check, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return results;
}

/**
 * Registers one test for each promise that a running server must keep.
 *
 * @param url the address of the server
 * @param options see {@linkcode WireOptions}
 * @throws {TypeError} if the address or an option is invalid
 *
 * @example A server that runs already
 * ```ts ignore
 * import { testServer } from "@dsmq/server/testing";
 *
 * testServer("ws://127.0.0.1:30008");
 * ```
 */
export function testServer(url: string | URL, options: WireOptions = {}): void {
  const address = requireArguments(url, options);
  for (const [check, prove] of Object.entries(options.checks ?? WIRE_CHECKS)) {
    Deno.test(`${address}: ${check}`, () => run(address, options, prove));
  }
}

let topics = 0;

async function run(
  url: string,
  { token, prefix = "conformance." }: WireOptions,
  prove: (wire: Wire) => Promise<void>,
): Promise<void> {
  await using connections = new AsyncDisposableStack();
  const connect = async (offers: boolean) =>
    connections.use(await WireConnection.open({ url, token, offers }));
  await prove({
    connect: () => connect(true),
    connect1x: () => connect(false),
    topic: (name = "t") => `${prefix}${crypto.randomUUID()}.${++topics}.${name}`,
  });
}

function requireArguments(url: string | URL, options: WireOptions): string {
  const parsed = url instanceof URL ? url : URL.parse(url);
  if (!parsed || !/^wss?:$/.test(parsed.protocol)) {
    throw new TypeError(
      `Cannot check a server: url must be an address such as "ws://127.0.0.1:30008", got ${
        formatValue(url)
      }`,
    );
  }
  if (!isOptions(options, OPTION_NAMES)) {
    throw new TypeError(
      `Cannot check a server: options must be an object, got ${formatValue(options)}`,
    );
  }
  for (const name in options) {
    if (OPTION_NAMES.includes(name)) continue;
    throw new TypeError(
      `Cannot check a server: there is no option "${name}" (there are: ${OPTION_NAMES.join(", ")})`,
    );
  }
  return parsed.href;
}
