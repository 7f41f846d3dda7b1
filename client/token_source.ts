/**
 * Where a client gets its token from: the same one each time, or a function that is asked for each attempt to connect.
 *
 * @module
 */

import { kindOf, thrownText } from "../protocol/text.ts";
import { TOKEN_FORM, tokenProblem } from "../protocol/token.ts";
import { AwakeClock } from "./awake_clock.ts";
import { ConnectError } from "./connect_error.ts";
import { abortable } from "./abortable.ts";

/** A token, or a function that returns one. */
export type TokenSource = string | (() => string | Promise<string>);

/** How long the function may take, in milliseconds. */
const TOKEN_TIMEOUT = 10_000;

/**
 * Asks for a token.
 *
 * @param source the function of the caller
 * @param timeout how long there is time for it, in milliseconds; it never takes longer than 10 s
 * @param signal ends waiting
 * @returns the token
 * @throws {ConnectError} `no_token`, if the function throws or rejects (that is its cause), takes too long, or returns something else
 */
export async function askForToken(
  source: () => string | Promise<string>,
  timeout: number,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const ms = Math.min(timeout, TOKEN_TIMEOUT);
  // Not AbortSignal.any, which the oldest runtimes lack.
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancelTimer = new AwakeClock().setTimer(ms, abort);
  signal.addEventListener("abort", abort);
  let token: unknown;
  try {
    token = await abortable((async () => await source())(), controller.signal);
  } catch (cause) {
    if (controller.signal.aborted) {
      const seconds = (ms / 1000).toFixed(1);
      throw noToken(`it returned no token within ${seconds} s`);
    }
    throw noToken(`it failed: ${thrownText(cause)}`, cause);
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", abort);
  }
  // The value is not shown: it may be a token with a typing error.
  const problem = typeof token === "string" ? tokenProblem(token) : kindOf(token);
  if (problem !== undefined) throw noToken(`it must return ${TOKEN_FORM}, got ${problem}`);
  return token as string;
}

function noToken(what: string, cause?: unknown): ConnectError {
  return new ConnectError(`there is no token, because the function token was asked, and ${what}`, {
    reason: "no_token",
    ...(cause !== undefined && { cause }),
  });
}
