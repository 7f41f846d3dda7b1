/**
 * Where a redirection leads, and whether one goes there.
 *
 * @module
 */

import { redactUrl } from "../addresses.ts";
import { ConnectError } from "../connect_error.ts";

/** So many are followed, one after another. */
const MAX_REDIRECTS = 5;

/**
 * Follows a redirection within one host. A token, or a name and a password, go to no other port but from `ws:` to
 * `wss:`, and never from `wss:` to `ws:`.
 *
 * @param from what was asked
 * @param answer the status line, and the place that it names
 * @param followedBefore how many were followed before
 * @param hasToken a token goes with the request
 * @returns what to ask next
 * @throws {ConnectError} if that is not followed
 */
export function followRedirect(
  from: URL,
  { location, status }: { readonly location: string; readonly status: string },
  followedBefore: number,
  hasToken: boolean,
): URL {
  const to = URL.parse(location, httpBase(from));
  const refuse = (message: string): never => {
    const where = to ? redactUrl(to.href).slice(0, 200) : JSON.stringify(location.slice(0, 200));
    throw new ConnectError(`the answer is ${status}, which leads to ${where}: ${message}`, {
      reason: "redirect",
      status: Number(status.slice(0, 3)),
      final: true,
    });
  };
  if (!to || !/^(http|ws)s?:$/.test(to.protocol)) return refuse("that is no WebSocket's address");
  to.protocol = /^(https|wss):$/.test(to.protocol) ? "wss:" : "ws:";
  to.username = to.password = to.hash = "";
  if (followedBefore === MAX_REDIRECTS) {
    return refuse(`it has led on ${followedBefore} times already`);
  }
  if (to.hostname !== from.hostname) return refuse("another host, to be asked by its own name");
  if (from.protocol === "wss:" && to.protocol === "ws:") return refuse("without TLS");
  const hasSecret = hasToken || from.username !== "" || from.password !== "";
  const isUpgrade = from.protocol !== to.protocol;
  if (hasSecret && to.port !== from.port && !isUpgrade) {
    return refuse("another port, to which no token or password is taken");
  }
  to.username = from.username;
  to.password = from.password;
  return to;
}

/** Places are named by addresses of HTTP. */
function httpBase(url: URL): string {
  const base = new URL(url);
  base.username = base.password = "";
  return base.href.replace(/^ws/, "http");
}
