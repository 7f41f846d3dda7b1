/**
 * By which names a server may be called: the `Host` header.
 *
 * A foreign web page can point its own name to this machine (DNS rebinding), and then has the same origin as the server:
 * only the `Host` header of its browser gives it away. An IP address cannot be rebound.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { MAX_HOST_LENGTH } from "../protocol/websocket.ts";

/** A name or an address as in a `Host` header: an IPv6 address in brackets, the port optional. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\],]+?)\.?(?::(\d{1,5}))?$/;

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** A parsed `Host` header. */
interface Authority {
  /** In ASCII and lower case, without a dot at the end. */
  readonly name: string;
  /** Without leading zeros. */
  readonly port: string | undefined;
}

function parseAuthority(host: string): Authority | undefined {
  const [, name, port] = AUTHORITY.exec(host.toLowerCase()) ?? [];
  const plain = name === undefined ? undefined : toAscii(name);
  if (plain === undefined) return undefined;
  return { name: plain, port: port === undefined ? undefined : String(Number(port)) };
}

/** The form in which names beyond ASCII are looked up, and sent by browsers. */
function toAscii(name: string): string | undefined {
  if (/^[\x21-\x7e]*$/.test(name)) return name;
  return URL.parse(`http://${name}`)?.hostname.replace(/\.$/, "");
}

function isAddress(name: string): boolean {
  return name.startsWith("[") ? URL.canParse(`http://${name}`) : IPV4.test(name);
}

function isLoopbackName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/**
 * Whether an address to listen on can only be reached from its own machine.
 *
 * @param host a name or an address, an IPv6 address without brackets
 * @returns true for loopback
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (isLoopbackName(name)) return true;
  if (name.includes(":")) return isLoopbackAddress(name);
  return IPV4.test(name) && name.startsWith("127.");
}

function isLoopbackAddress(address: string): boolean {
  // URLs write an address in its one shortest form.
  const shortest = URL.parse(`http://[${address}]`)?.hostname;
  return shortest === "[::1]" || /^\[::ffff:7f[0-9a-f]{2}:/.test(shortest ?? "");
}

/**
 * Whether a `Host` header names the machine of the client itself.
 *
 * @param host its value
 * @returns true for a loopback name or address, and for `0.0.0.0` and `[::]`, with or without a port
 */
export function isLoopbackAuthority(host: string): boolean {
  const name = parseAuthority(decodeHeader(host))?.name;
  if (name === undefined) return false;
  // A client that connects to the unspecified address reaches its own machine.
  const isUnspecified = ["0.0.0.0", "[::]"].includes(URL.parse(`http://${name}`)?.hostname ?? "");
  return isUnspecified || isLoopback(name.replace(/^\[|\]$/g, ""));
}

/**
 * Why this cannot be one of the `allowedHosts`: no request would ever match it.
 *
 * @param host the name that was given
 * @returns the reason; `undefined` for a name or an address, with or without a port
 */
export function hostFault(host: string): string | undefined {
  if (host.includes("://")) return "a host has no scheme";
  if (/[/?#]/.test(host)) return "a host has no path";
  if (host.includes("*")) return "* is not supported: list each name";
  if (/^\.|\.\./.test(host)) return "a part of the name is empty";
  if (URL.canParse(`http://[${host}]`)) return "an IPv6 address needs brackets";
  const parsed = parseAuthority(host);
  if (!parsed) return "it is neither a name nor an address";
  const { name, port } = parsed;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) {
    return "the port must be from 1 to 65535";
  }
  return URL.canParse(`http://${name}`) ? undefined : "it is neither a name nor an address";
}

/** The names of a server. There may be many. */
export class AllowedHosts {
  /** The ports of each name; `undefined` among them stands for all ports. */
  readonly #allowed = new NameMap<(string | undefined)[]>();
  readonly #defaultPort: string;
  /** What was allowed last: as a rule all clients use the same name. */
  #lastAllowed: string | undefined;

  /**
   * Parses the names.
   *
   * @param allowed names or addresses; one with a port counts with that port only
   * @param secure the server has TLS
   */
  constructor(allowed: readonly string[], secure: boolean) {
    for (const host of allowed) {
      const { name, port } = parseAuthority(host) ?? {};
      if (name === undefined) continue;
      const ports = this.#allowed.get(name);
      if (ports) ports.push(port);
      else this.#allowed.set(name, [port]);
    }
    this.#defaultPort = secure ? "443" : "80";
  }

  /**
   * Checks a `Host` header.
   *
   * @param host its value; `null` if it is missing
   * @returns whether it is allowed: an address, a loopback name, or an allowed name
   */
  allows(host: string | null): boolean {
    if (host === null || host.length > MAX_HOST_LENGTH) return false;
    if (host === this.#lastAllowed) return true;
    if (!this.#isAllowed(host)) return false;
    this.#lastAllowed = host;
    return true;
  }

  #isAllowed(host: string): boolean {
    const authority = parseAuthority(decodeHeader(host));
    if (authority === undefined) return false;
    const { name, port = this.#defaultPort } = authority;
    if (isAddress(name) || isLoopbackName(name)) return true;
    const ports = this.#allowed.get(name);
    return ports !== undefined && (ports.includes(undefined) || ports.includes(port));
  }
}

/** Some clients send a name in UTF-8, though no browser does; a header has a character for each byte. */
function decodeHeader(host: string): string {
  if (!/[\x80-\xff]/.test(host)) return host;
  return new TextDecoder().decode(Uint8Array.from(host, (unit) => unit.charCodeAt(0)));
}
