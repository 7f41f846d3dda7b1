/**
 * The addresses of servers, as callers give them and as they may be shown.
 *
 * @module
 */

import { DEFAULT_PORT } from "../protocol/limits.ts";
import { formatValue, quoted } from "../protocol/text.ts";

/** A host as it stands in a URL. The URL parser accepts more, such as `*` and `,`, which no name server knows. */
const HOST_PATTERN = /^[\w.-]+$|^\[.*\]$/;

/**
 * Makes the part of an address that names a server.
 *
 * @param host a name or an address; an IPv6 address with brackets or without
 * @param port its port
 * @param name what the host is called in errors
 * @returns both, as they stand in an address
 * @throws {TypeError} if the host is invalid
 */
export function urlAuthority(host: unknown, port: number, name: string = "host"): string {
  const redacted = typeof host === "string"
    ? quoted(host.replace(/^.*(@|%40)/is, "…@"))
    : formatValue(host);
  const invalidHost = (reason: string) =>
    new TypeError(
      `Cannot connect: ${name} must be only an address or a name${reason}, got ${redacted}`,
    );
  if (typeof host !== "string" || host === "") throw invalidHost("");
  if (/^\d+$/.test(host)) {
    throw invalidHost(": a number is not a host, and the port is a separate option");
  }
  const bare = host.replace(/^\[(.*:.*)\]$/, "$1");
  if (/^[0-9a-f:.]*:[0-9a-f:.]*%/i.test(bare)) {
    throw invalidHost(", and an IPv6 zone (%) is not allowed in the address of a WebSocket");
  }
  const inUrl = bare.includes(":") ? `[${bare}]` : bare;
  // The parser would remove line ends and surrounding space, and decode %.
  const url = /[\s%\p{Cc}]/u.test(bare) ? undefined : parseUrl(`ws://${inUrl}/`);
  if (
    url && HOST_PATTERN.test(url.hostname) && url.port === "" &&
    url.href === `ws://${url.hostname}/`
  ) {
    return `${inUrl}:${port}`;
  }
  throw invalidHost(
    /^[^:]+:\d+$|^\[.*\]:\d+$/.test(host) ? ": the port is a separate option" : "",
  );
}

/** `URL.parse`, which not all supported browsers have. */
function parseUrl(address: string): URL | undefined {
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
      `Cannot connect: ${name} must be a ws:// or wss:// address, got ${formatValue(address)}`,
    );
  }
  // User name, password and token are not shown.
  const redacted = quoted(
    text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, "$1").replace(/([?#]).+$/s, "$1…"),
  );
  const invalidUrl = (reason: string) =>
    new TypeError(
      `Cannot connect: ${name} must be a ws:// or wss:// address${reason}, got ${redacted}`,
    );
  const url = parseUrl(text);
  if (url?.protocol === "http:") url.protocol = "ws:";
  if (url?.protocol === "https:") url.protocol = "wss:";
  // The parser accepts ws:host and ws:///host for ws://host, and removes line ends.
  const isWhole = /^[a-z]+:\/\/[^/\\\t\r\n][^\t\r\n]*$/i.test(text);
  if (!url || !isWhole || !/^wss?:$/.test(url.protocol) || !HOST_PATTERN.test(url.hostname)) {
    throw invalidUrl(urlSuggestion(text));
  }
  if (url.hash !== "") throw invalidUrl(" without a #");
  // An empty fragment is removed.
  url.hash = "";
  if (url.port === "0") throw invalidUrl(" with a port from 1 to 65535");
  try {
    decodeURIComponent(`${url.username}:${url.password}`);
  } catch {
    throw invalidUrl(
      ", in whose user name and password % encodes bytes of UTF-8 (%25 stands for %)",
    );
  }
  return url.href.replace(/^(\w+:\/\/[^/]+)\/$/, "$1");
}

/** An address as it may be shown, without user name, password and query, which are for a proxy. */
export function redactUrl(address: string): string {
  const url = new URL(address);
  if (url.username === "" && url.password === "" && url.search === "") return address;
  url.username = url.password = "";
  return url.href.replace(/\?.*$/, "?…").replace(/(:\/\/[^/]+)\/$/, "$1");
}

/** Suggests an address for a host, with or without a port, that was given alone. */
function urlSuggestion(text: string): string {
  const [, scheme = "ws", host = ""] = /^(?:(wss?):)?([^/\\?#@\s]+)$/i.exec(text) ?? [];
  const hasPort = /:\d+$/.test(host) || scheme !== "ws";
  const url = `${scheme}://${host}${hasPort ? "" : `:${DEFAULT_PORT}`}`;
  return HOST_PATTERN.test(parseUrl(url)?.hostname ?? "") ? ` such as ${quoted(url)}` : "";
}
