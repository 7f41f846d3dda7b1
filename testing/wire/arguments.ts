/**
 * The arguments of a conformance run: what is invalid is found before any check, so that no server is blamed for it.
 *
 * @module
 */

import { type Address, redactUrl } from "../../client/addresses.ts";
import { requireOptions } from "../../client/require_options.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { describeKind, isOptions } from "../../protocol/option_kinds.ts";
import { formatValue, prefixProblem, utf8Length } from "../../protocol/text.ts";
import type { WireChecks } from "./checks.ts";
import { requireAddress, requireToken } from "./wire_address.ts";
import { WireConnection, type WireObject } from "./wire_connection.ts";

/** What the names of topics have after the prefix, at most, in bytes. */
const NAME_BYTES = 64;

/** How large the messages of the checks are, at most, in bytes. */
const MESSAGE_BYTES = 200;

/** How to test a server. */
export interface WireOptions {
  /** A token that may read, write and work, if the server requires one. */
  readonly token?: string;
  /** The beginning of all topics that are used, for servers that permit only some. Default: `"conformance."`. */
  readonly prefix?: string;
  /** The checks, at least one. Default: {@linkcode WIRE_CHECKS}. */
  readonly checks?: WireChecks;
}

/** The checked arguments of a run. */
export interface WireRun {
  readonly address: string;
  /** The address as it may be shown. */
  readonly shownAddress: string;
  readonly token: string | undefined;
  readonly prefix: string;
  readonly checks: WireChecks;
}

const OPTION_NAMES = ["token", "prefix", "checks"] satisfies (keyof WireOptions)[];

/**
 * Checks the arguments of a run.
 *
 * @param address as the caller gave it
 * @param options as the caller gave them
 * @param defaultChecks the checks, if the options have none
 * @throws {TypeError | RangeError} if something is invalid
 */
export function parseRun(
  address: Address,
  options: WireOptions,
  defaultChecks: WireChecks,
): WireRun {
  const url = requireAddress("check a server", address);
  requireOptions("check a server", options, OPTION_NAMES);
  const { token, prefix = "conformance.", checks = defaultChecks } = options;
  requireToken("check a server", token);
  requirePrefix(prefix);
  requireChecks(checks);
  return { address: url, shownAddress: redactUrl(url), token, prefix, checks };
}

function requirePrefix(prefix: unknown): void {
  const must = "Cannot check a server: prefix must be a text that topics can begin with, got";
  if (typeof prefix !== "string") throw new TypeError(`${must} ${formatValue(prefix)}`);
  const problem = prefixProblem(prefix, LIMITS.topicBytes.max - NAME_BYTES);
  if (problem !== undefined) throw new RangeError(`${must} ${formatValue(prefix)}: ${problem}`);
}

function requireChecks(checks: unknown): void {
  const cannot = "Cannot check a server: checks";
  if (!isOptions(checks, [])) {
    throw new TypeError(
      `${cannot} must be an object of functions by their sentences, got ${
        typeof checks === "object" ? describeKind(checks) : formatValue(checks)
      }`,
    );
  }
  const entries = Object.entries(checks);
  // A run without any would look like one that has found nothing.
  if (entries.length === 0) throw new RangeError(`${cannot} must have at least one, got none`);
  for (const [name, prove] of entries) {
    if (typeof prove === "function") continue;
    throw new TypeError(
      `${cannot}[${formatValue(name)}] must be a function, got ${formatValue(prove)}`,
    );
  }
}

/**
 * Finds what only the server can tell: that it is not there, requires another token, or has limits that are too small. Whatever
 * else goes wrong here is for the checks to find.
 *
 * @param run the checked arguments
 * @throws {RangeError} if an option, or a limit of the server, would make checks fail
 * @throws {Error} if the server does not accept a connection
 */
export async function requireAdmission(run: WireRun): Promise<void> {
  await using mq = await open(run);
  const fault = await faultOf(mq, run).catch(() => undefined);
  if (fault !== undefined) throw new RangeError(`Cannot check a server: ${fault}`);
  if (mq.limited !== undefined) throw new LimitError("a check", mq.limited);
}

/** What a check needs, and a limit of the server does not permit. */
export class LimitError extends RangeError {
  /**
   * @param what what needs more
   * @param refusal what the server says
   */
  constructor(what: string, refusal: string) {
    const got = JSON.stringify(refusal.slice(0, 300));
    super(`Cannot check a server: its limits must permit what ${what} needs, got ${got}`);
  }
}

async function open({ address, token }: WireRun): Promise<WireConnection> {
  try {
    return await WireConnection.open({ url: address, token });
  } catch (error) {
    throw new Error(`Cannot check a server: ${(error as Error).message}`, { cause: error });
  }
}

async function faultOf(
  mq: WireConnection,
  { token, prefix }: WireRun,
): Promise<string | undefined> {
  const hello = await answer(mq, { action: "hello", id: 1 });
  if (hello.error?.code === "unauthorized") {
    return `token must be one that the server accepts, got ${
      token === undefined ? "none" : "one that it refuses"
    }`;
  }
  const { topicBytes, messageBytes } = Object(hello.limits);
  if (messageBytes < MESSAGE_BYTES) {
    return `its limits must permit messages of ${MESSAGE_BYTES} bytes, got a limit of ${messageBytes}`;
  }
  const bytes = utf8Length(prefix);
  if (bytes + NAME_BYTES > topicBytes) {
    return `prefix must leave ${NAME_BYTES} bytes of a topic, which has at most ${topicBytes} at this server, got one of ${bytes} bytes`;
  }
  const topic = `${prefix}${crypto.randomUUID()}`;
  for (
    const request of [{ action: "put", id: 2, topic, body: "" }, { action: "get", id: 3, topic }]
  ) {
    if ((await answer(mq, request)).error?.code !== "permission_denied") continue;
    const what = `${request.action === "put" ? "write" : "read"} topics that begin with ${
      formatValue(prefix)
    }`;
    return token === undefined
      ? `token must be one that may ${what}, got none`
      : `token must be one that may ${what}, got one that may not`;
  }
}

/** The reply; of a server that closes the connection for want of a token, an error that says so. */
async function answer(mq: WireConnection, request: WireObject): Promise<WireObject> {
  try {
    return await mq.request(request);
  } catch (error) {
    if (await mq.closed() === 4401) return { error: { code: "unauthorized" } };
    throw error;
  }
}
