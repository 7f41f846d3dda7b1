/**
 * Where a server is: the addresses that a caller gives.
 *
 * @module
 */

import { seen } from "../protocol/text.ts";

/**
 * Makes the part of an address that names a server.
 *
 * @param host a name or an address; one of IPv6 may be given in brackets or without
 * @param port its port
 * @returns both, as they stand in an address
 * @throws {TypeError} if the host is anything else
 */
export function authority(host: unknown, port: number): string {
  const wrong = (why: string) =>
    new TypeError(`Cannot connect: host is an address or a name alone${why}, got ${seen(host)}`);
  if (typeof host !== "string" || host === "") throw wrong("");
  const bare = host.replace(/^\[(.*:.*)\]$/, "$1");
  if (/^[0-9a-f:.]*:[0-9a-f:.]*%/i.test(bare)) {
    throw wrong(", and one with a zone behind % cannot stand in the address of a WebSocket");
  }
  const name = bare.includes(":") ? `[${bare}]` : bare;
  const url = parsed(`ws://${name}/`);
  if (url && url.hostname !== "" && url.port === "" && url.href === `ws://${url.hostname}/`) {
    return `${name}:${port}`;
  }
  throw wrong(/^[^:]+:\d+$|^\[.*\]:\d+$/.test(host) ? ": the port is given as port" : "");
}

/** `URL.parse`, which not all browsers have. */
function parsed(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

/**
 * Checks an address.
 *
 * @param address ws:, wss:, http: or https:
 * @returns the same with ws: or wss:
 * @throws {TypeError} if it is anything else
 */
export function webSocketUrl(address: string | URL): string {
  // Name and password are not shown.
  const shown = String(address).replace(/\/\/[^/?#]*@/, "//");
  const refused = (why: string) => new TypeError(`Cannot connect: ${JSON.stringify(shown)} ${why}`);
  const url = parsed(String(address));
  if (url?.protocol === "http:") url.protocol = "ws:";
  if (url?.protocol === "https:") url.protocol = "wss:";
  if (!url || !/^wss?:$/.test(url.protocol) || url.hash !== "") {
    throw refused("is not a ws:// or wss:// address");
  }
  try {
    decodeURIComponent(`${url.username}:${url.password}`);
  } catch {
    throw refused(
      "has a name or password with a % that begins no byte of UTF-8 (write %25 for it)",
    );
  }
  return url.href.replace(/(?<=:\/\/[^/]+)\/$/, "");
}
