/**
 * Where a redirect leads, and whether it is followed.
 *
 * @module
 */

import { redactUrl } from "../addresses.ts";
import { ConnectError } from "../connect_error.ts";

/** How many redirects are followed in a row. */
const MAX_REDIRECTS = 5;

/**
 * Follows a redirect within one host. A token, or a user name and a password, are sent to another port only from `ws:` to
 * `wss:`, and never from `wss:` to `ws:`.
 *
 * @param from the requested address
 * @param answer the status line, and the location
 * @param followedBefore how many were followed before
 * @param hasToken a token is sent with the request
 * @returns the next address
 * @throws {ConnectError} if the redirect is not followed
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
  if (!to || !/^(http|ws)s?:$/.test(to.protocol)) {
    return refuse("that is not the address of a WebSocket");
  }
  to.protocol = /^(https|wss):$/.test(to.protocol) ? "wss:" : "ws:";
  to.username = to.password = to.hash = "";
  if (followedBefore === MAX_REDIRECTS) {
    return refuse(`it has redirected ${followedBefore} times already`);
  }
  if (to.hostname !== from.hostname) {
    return refuse("another host, which must be addressed by its own name");
  }
  if (from.protocol === "wss:" && to.protocol === "ws:") return refuse("without TLS");
  const hasSecret = hasToken || from.username !== "" || from.password !== "";
  const isUpgrade = from.protocol !== to.protocol;
  if (hasSecret && to.port !== from.port && !isUpgrade) {
    return refuse("another port, to which no token or password is sent");
  }
  to.username = from.username;
  to.password = from.password;
  return to;
}

/** Locations are HTTP addresses. */
function httpBase(url: URL): string {
  const base = new URL(url);
  base.username = base.password = "";
  return base.href.replace(/^ws/, "http");
}
