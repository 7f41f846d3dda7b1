/**
 * The addresses of servers, as callers give them and as they may be shown.
 *
 * @module
 */

import { DEFAULT_HOST, DEFAULT_PORT } from "../protocol/limits.ts";
import { describeKind, isOptions } from "../protocol/option_kinds.ts";
import { formatValue, quoted } from "../protocol/text.ts";
import { requireOptions, wrongNumber } from "./require_options.ts";

/**
 * Where a server is: a text, a `URL`, or its parts.
 *
 * A text without a scheme, such as `"example.org"`, `"example.org:4000"` or `"::1"`, means `ws:` and, unless it names
 * another, port 30008. One with `ws:`, `wss:`, `http:` or `https:`, such as `"wss://example.org/mq"`, has that scheme's
 * own port unless it names another: 80, and with TLS 443. `http:` and `https:` are taken as `ws:` and `wss:`.
 */
export type Address = string | URL | HostAddress;

/** A server without TLS, at a host and a port. */
export interface HostAddress {
  /** A name, or an IP address, also of IPv6. Default: `"127.0.0.1"`. */
  readonly host?: string;
  /** Its port, from 1 to 65535. Default: 30008. */
  readonly port?: number;
}

/** The members of an address that is given in parts. */
const HOST_ADDRESS = ["host", "port"] satisfies (keyof HostAddress)[];

/** A host as it stands in a URL. The URL parser accepts more, such as `*` and `,`, which no name server knows. */
const HOST_PATTERN = /^[\w.-]+$|^\[.*\]$/;

/** An IPv6 address without brackets. With a port behind it, it would be another address: that needs brackets. */
const BARE_IPV6 = /^[\da-f]*:[\da-f]*:[\da-f:.]*$/i;

/** An IPv6 address that names a network interface. */
const IPV6_ZONE = /^\[?[\da-f:.]*:[\da-f:.]*%/i;

/** The ports of the schemes, which the URL parser leaves out. */
const SCHEME_PORTS: Readonly<Record<string, number>> = {
  "ws:": 80,
  "wss:": 443,
  "http:": 80,
  "https:": 443,
};

/**
 * Turns one address or several into those of WebSockets.
 *
 * @param addresses what the caller gave
 * @returns the addresses, each once
 * @throws {TypeError | RangeError} if there is none, or one is invalid
 */
export function webSocketUrls(addresses: unknown): readonly string[] {
  if (!Array.isArray(addresses)) return [webSocketUrl(addresses)];
  if (addresses.length === 0) {
    throw new RangeError("Cannot connect: there must be at least one address, got an empty list");
  }
  // Empty places count, too.
  const urls = Array.from(addresses, (one, i) => webSocketUrl(one, `address ${i + 1}`));
  return urls.filter((url, i) => urls.indexOf(url) === i);
}

/**
 * Turns an address into that of a WebSocket, with its port in full.
 *
 * @param address what the caller gave
 * @param name what it is called in errors
 * @returns such as `"ws://127.0.0.1:30008"`, `"wss://example.org:443/mq"`
 * @throws {TypeError} if it is of another type
 * @throws {RangeError} if it is not an address
 */
export function webSocketUrl(address: unknown, name: string = "the address"): string {
  if (typeof address === "string") return parseAddress(address.trim(), name);
  // A `URL` of another realm, or the `location` of a page, has its address in `href`, too.
  const { href } = Object(address);
  if (typeof href === "string") return parseAddress(href, name);
  if (!isOptions(address, HOST_ADDRESS)) {
    const got = address !== null && typeof address === "object"
      ? describeKind(address)
      : formatValue(address);
    const hint = typeof address === "number" ? `; a port alone is { port: ${address} }` : "";
    throw new TypeError(
      `Cannot connect: ${name} must be a string, a URL or { host, port }, got ${got}${hint}`,
    );
  }
  requireOptions("connect", address, HOST_ADDRESS, "address.");
  const { host = DEFAULT_HOST, port = DEFAULT_PORT }: HostAddress = address;
  return `ws://${urlAuthority(host, requirePort(port))}`;
}

function requirePort(port: unknown): number {
  if (Number.isSafeInteger(port) && 1 <= (port as number) && (port as number) <= 65535) {
    return port as number;
  }
  throw wrongNumber("connect", "port", "a whole number from 1 to 65535", port);
}

/**
 * Makes the part of an address that names a server.
 *
 * @param host a name or an address; an IPv6 address with brackets or without
 * @param port its port
 * @param name what the host is called in errors
 * @returns both, as they stand in an address
 * @throws {TypeError | RangeError} if the host is invalid
 */
export function urlAuthority(host: unknown, port: number, name: string = "host"): string {
  const redacted = typeof host === "string"
    ? quoted(host.replace(/^.*(@|%40)/is, "…@"))
    : formatValue(host);
  const ErrorClass = typeof host === "string" ? RangeError : TypeError;
  const invalidHost = (reason: string) =>
    new ErrorClass(
      `Cannot connect: ${name} must be only an address or a name${reason}, got ${redacted}`,
    );
  if (typeof host !== "string" || host === "") throw invalidHost("");
  if (/^\d+$/.test(host)) {
    throw invalidHost(": a number is not a host, and the port is a separate option");
  }
  const bare = host.replace(/^\[(.*:.*)\]$/, "$1");
  if (IPV6_ZONE.test(bare)) {
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

/** Parses the text of an address. */
function parseAddress(text: string, name: string): string {
  // User name, password and token are not shown.
  const redacted = quoted(
    text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, "$1").replace(/([?#]).+$/s, "$1…"),
  );
  const invalidAddress = (reason: string) =>
    new RangeError(
      `Cannot connect: ${name} must be a host, a host and port, or a ws:// or wss:// address${reason}, got ${redacted}`,
    );
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(text);
  if (!hasScheme) {
    const [, number] = /^:?(\d+)(?=[/?#]|$)/.exec(text) ?? [];
    if (number !== undefined) {
      throw invalidAddress(` such as ${quoted(`${DEFAULT_HOST}:${Number(number)}`)}`);
    }
    if (IPV6_ZONE.test(text)) {
      throw invalidAddress(" without an IPv6 zone (%), which no address of a WebSocket has");
    }
    // A colon is missing.
    if (/^\w*\/\//.test(text)) throw invalidAddress("");
    const [, scheme, rest] = /^(wss?|https?):(?!\d)[/\\]*([\w.-]+)$/i.exec(text) ?? [];
    if (scheme !== undefined) throw invalidAddress(` such as ${quoted(`${scheme}://${rest}`)}`);
  }
  const whole = hasScheme ? text : `ws://${BARE_IPV6.test(text) ? `[${text}]` : text}`;
  const [, authority = ""] = /:\/\/([^/?#\\]*)/.exec(whole) ?? [];
  const [, portText] = /:([^:\]@]*)$/.exec(authority) ?? [];
  const url = parseUrl(whole);
  if (url?.protocol === "http:") url.protocol = "ws:";
  if (url?.protocol === "https:") url.protocol = "wss:";
  if (portText === "" || url?.port === "0" || (!url && Number(portText) > 65535)) {
    throw invalidAddress(" with a port from 1 to 65535");
  }
  // The parser accepts ws:///host for ws://host, and removes line ends.
  const isWhole = /^[a-z]+:\/\/[^/\\\t\r\n][^\t\r\n]*$/i.test(whole);
  if (!url || !isWhole || !/^wss?:$/.test(url.protocol) || !HOST_PATTERN.test(url.hostname)) {
    throw invalidAddress("");
  }
  if (url.hash !== "") throw invalidAddress(" without a #");
  // An empty fragment is removed.
  url.hash = "";
  try {
    decodeURIComponent(`${url.username}:${url.password}`);
  } catch {
    throw invalidAddress(
      ", in whose user name and password % encodes bytes of UTF-8 (%25 stands for %)",
    );
  }
  if (!hasScheme && portText === undefined) url.port = String(DEFAULT_PORT);
  return formatUrl(url);
}

/** An address as it may be shown, without user name, password and query, which are for a proxy, and with its port. */
export function redactUrl(address: string): string {
  const url = new URL(address);
  url.username = url.password = "";
  return formatUrl(url).replace(/\?.*$/s, "?…");
}

/** The text of an address, with its port also where the parser leaves it out, and without a slash after that alone. */
function formatUrl(url: URL): string {
  const [href, start = "", path = ""] = /^([^/]+\/\/[^/?#]+)(.*)$/s.exec(url.href) ?? [url.href];
  const port = SCHEME_PORTS[url.protocol];
  if (start === "" || port === undefined) return href;
  return `${start}${url.port === "" ? `:${port}` : ""}${path === "/" ? "" : path}`;
}
