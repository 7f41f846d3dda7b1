/**
 * Where a server is: the addresses that a caller gives.
 *
 * @module
 */

import { DEFAULT_PORT } from "../protocol/limits.ts";
import { quoted, seen } from "../protocol/text.ts";

/** A host as it stands in a URL. The parser of URLs takes more, which no name server knows, such as `*` and `,`. */
const HOST = /^[\w.-]+$|^\[.*\]$/;

/**
 * Makes the part of an address that names a server.
 *
 * @param host a name or an address; one of IPv6 may be given in brackets or without
 * @param port its port
 * @param name what the host is called in errors
 * @returns both, as they stand in an address
 * @throws {TypeError} if the host is anything else
 */
export function authority(host: unknown, port: number, name: string = "host"): string {
  const shown = typeof host === "string" ? quoted(host.replace(/^.*(@|%40)/is, "…@")) : seen(host);
  const wrong = (why: string) =>
    new TypeError(
      `Cannot connect: ${name} must be an address or a name alone${why}, got ${shown}`,
    );
  if (typeof host !== "string" || host === "") throw wrong("");
  if (/^\d+$/.test(host)) throw wrong(": a number is none, and the port is an option of its own");
  const bare = host.replace(/^\[(.*:.*)\]$/, "$1");
  if (/^[0-9a-f:.]*:[0-9a-f:.]*%/i.test(bare)) {
    throw wrong(", and one with a zone behind % cannot stand in the address of a WebSocket");
  }
  const inUrl = bare.includes(":") ? `[${bare}]` : bare;
  // The parser takes out line ends and what surrounds it, and undoes %.
  const url = /[\s%\p{Cc}]/u.test(bare) ? undefined : parsed(`ws://${inUrl}/`);
  if (url && HOST.test(url.hostname) && url.port === "" && url.href === `ws://${url.hostname}/`) {
    return `${inUrl}:${port}`;
  }
  throw wrong(/^[^:]+:\d+$|^\[.*\]:\d+$/.test(host) ? ": the port is an option of its own" : "");
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
 * @param name what it is called in errors
 * @returns the same with ws: or wss:
 * @throws {TypeError} if it is anything else
 */
export function webSocketUrl(address: unknown, name: string = "url"): string {
  // A `URL` of another realm, or the `location` of a page, has its address in `href`, too.
  const text = typeof address === "string" ? address.trim() : Object(address).href;
  if (typeof text !== "string") {
    throw new TypeError(
      `Cannot connect: ${name} must be a ws:// or wss:// address, got ${seen(address)}`,
    );
  }
  // What may be a name, a password or a token is not shown.
  const shown = quoted(
    text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, "$1").replace(/([?#]).+$/s, "$1…"),
  );
  const refused = (why: string) =>
    new TypeError(`Cannot connect: ${name} must be a ws:// or wss:// address${why}, got ${shown}`);
  const url = parsed(text);
  if (url?.protocol === "http:") url.protocol = "ws:";
  if (url?.protocol === "https:") url.protocol = "wss:";
  // The parser takes ws:host and ws:///host for ws://host, and takes out line ends.
  const isWhole = /^[a-z]+:\/\/[^/\\\t\r\n][^\t\r\n]*$/i.test(text);
  if (!url || !isWhole || !/^wss?:$/.test(url.protocol) || !HOST.test(url.hostname)) {
    throw refused(meant(text));
  }
  if (url.hash !== "") throw refused(" without a #");
  // One that has nothing behind it goes.
  url.hash = "";
  if (url.port === "0") throw refused(" with a port from 1 to 65535");
  try {
    decodeURIComponent(`${url.username}:${url.password}`);
  } catch {
    throw refused(
      ", in whose name and password a % begins a byte of UTF-8 (%25 stands for itself)",
    );
  }
  return url.href.replace(/^(\w+:\/\/[^/]+)\/$/, "$1");
}

/** An address that may be meant by a host, and perhaps a port, alone. */
function meant(text: string): string {
  const [, scheme = "ws", host = ""] = /^(?:(wss?):)?([^/\\?#@\s]+)$/i.exec(text) ?? [];
  const hasPort = /:\d+$/.test(host) || scheme !== "ws";
  const url = `${scheme}://${host}${hasPort ? "" : `:${DEFAULT_PORT}`}`;
  return HOST.test(parsed(url)?.hostname ?? "") ? ` such as ${quoted(url)}` : "";
}
